// SPDX-License-Identifier: GPL-2.0
/*
 * How many lookups one reader makes while one writer maps and unmaps all the time, each
 * on a CPU of its own: in a maple tree under RCU, and in an interval tree under a lock.
 *
 * Built by make bench in tools/testing/radix-tree. Usage: readers ROUNDS N, for N mappings.
 * Prints a line for each measurement, with what there was per second.
 *
 * Each mapping has a slot of the address space. Those in every third slot stay. In the
 * other slots the writer maps what is not mapped, and unmaps what is: half of them, on
 * average. The reader looks up addresses in any slot. The program ends if it finds what
 * does not belong there, or does not find a mapping that stays.
 *
 * RCU is memb, the default flavour of liburcu. With sys_membarrier() its rcu_read_lock()
 * is a compiler barrier and a store to the thread's own data, about as in a preemptible
 * kernel. Without, it has a real memory barrier: the first line of the output tells.
 */
#define _GNU_SOURCE
#include "generated/autoconf.h"	/* first: the size of a node depends on it */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "maple-shared.h"
#include <asm/barrier.h>
#include <linux/interval_tree.h>
#include <linux/slab.h>

#undef CONFIG_DEBUG_MAPLE_TREE	/* as in a kernel that is used */

#define die(...)	do { fprintf(stderr, __VA_ARGS__); exit(1); } while (0)

/* For nodes and mappings: in huge pages, as is most memory of a kernel */
static char pool[1UL << 30] __aligned(1UL << 21);

static void *take(size_t size)
{
	static size_t used;
	void *p = pool + used;

	used += roundup(size, 256);	/* nodes are aligned to their size */
	if (used > sizeof(pool))
		die("the pool is too small\n");
	return p;
}

/*
 * Free nodes are on a list: with the kmem_cache of the harness, malloc() and free() took
 * a third of the writer's time. Only the writer takes nodes from the list. The thread of
 * call_rcu() puts them there, one by one, on the writer's CPU.
 */
struct free_node {
	struct free_node *next;
};
static struct free_node *spare;
static struct free_node *freed __aligned(64);

static void free_node(void *p)
{
	struct free_node *node = p, *head = READ_ONCE(freed), *next;

	do {
		next = head;
		node->next = next;
		head = uatomic_cmpxchg(&freed, next, node);
	} while (head != next);
}

static int refill_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf **sheafp,
			unsigned int size)
{
	struct slab_sheaf *sheaf = *sheafp;

	if (size > sheaf->capacity)
		return -ENOMEM;
	while (sheaf->size < size) {
		struct free_node *node = spare ?: uatomic_xchg(&freed, NULL);

		if (node)
			spare = node->next;
		else
			node = take(cache->size);
		sheaf->objects[sheaf->size++] = node;
	}
	return 0;
}

#define kmem_cache_refill_sheaf	refill_sheaf

/* As in the kernel: the one of liburcu has an sfence. */
#undef rcu_assign_pointer
#define rcu_assign_pointer(p, v)	smp_store_release(&(p), v)

#include "../../../lib/maple_tree.c"

void maple_rcu_cb(struct rcu_head *head)
{
	free_node(container_of(head, struct maple_node, rcu));
}

struct mapping {
	struct interval_tree_node it;
	bool mapped;
} __aligned(64);

#define NOTHING	ULONG_MAX

static struct maple_tree mt __aligned(64);
static MA_STATE(reserved, &mt, 0, 0);

static unsigned long maple_lookup(unsigned long addr)
{
	MA_STATE(mas, &mt, addr, addr);
	struct mapping *m;
	unsigned long start;

	rcu_read_lock();
	m = mas_walk(&mas);
	start = m ? m->it.start : NOTHING;
	rcu_read_unlock();
	return start;
}

static void maple_toggle(struct mapping *m)
{
	if (mas_reserve(&reserved, GFP_KERNEL))
		die("cannot reserve nodes\n");
	mas_lock(&reserved);
	mas_set_range(&reserved, m->it.start, m->it.last);
	if (mas_store_prealloc(&reserved, m->mapped ? NULL : m))
		die("cannot store\n");
	mas_unlock(&reserved);
}

static struct rb_root_cached root __aligned(64) = RB_ROOT_CACHED;

static unsigned long rb_lookup(unsigned long addr)
{
	struct interval_tree_node *it = interval_tree_iter_first(&root, addr, addr);

	return it ? it->start : NOTHING;
}

static void rb_toggle(struct mapping *m)
{
	if (m->mapped)
		interval_tree_remove(&m->it, &root);
	else
		interval_tree_insert(&m->it, &root);
}

#define RB_WAY(name, type, read_lock, write_lock, unlock)		\
static type name##_lock __aligned(64);					\
									\
static unsigned long name##_lookup(unsigned long addr)			\
{									\
	unsigned long start;						\
									\
	read_lock(&name##_lock);					\
	start = rb_lookup(addr);					\
	unlock(&name##_lock);						\
	return start;							\
}									\
									\
static void name##_toggle(struct mapping *m)				\
{									\
	write_lock(&name##_lock);					\
	rb_toggle(m);							\
	unlock(&name##_lock);						\
}

RB_WAY(mutex, pthread_mutex_t, pthread_mutex_lock, pthread_mutex_lock, pthread_mutex_unlock)
RB_WAY(rwlock, pthread_rwlock_t, pthread_rwlock_rdlock, pthread_rwlock_wrlock,
       pthread_rwlock_unlock)
RB_WAY(spinlock, pthread_spinlock_t, pthread_spin_lock, pthread_spin_lock, pthread_spin_unlock)

static struct way {
	const char *name;
	unsigned long (*lookup)(unsigned long addr);
	void (*toggle)(struct mapping *m);
	struct mapping *mappings;	/* all that can be in the tree */
} ways[] = {
	{ "maple", maple_lookup, maple_toggle },
	{ "rb-mutex", mutex_lookup, mutex_toggle },
	{ "rb-rwlock", rwlock_lookup, rwlock_toggle },
	{ "rb-spinlock", spinlock_lookup, spinlock_toggle },
};

struct thread {
	pthread_t thread;
	const struct way *way;
	unsigned long seed;
	unsigned long done;
} __aligned(64);

#define SIZE	8UL	/* of a mapping */
#define ROOM	16UL	/* of a slot */
#define SCATTER	7919UL	/* neighbours in the address space are none in memory */

static unsigned long slots;
static bool stop;

static unsigned long rnd_below(struct thread *t, unsigned long n)
{
	t->seed = t->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (t->seed >> 32) * n >> 32;
}

static struct mapping *mapping_of(const struct way *way, unsigned long slot)
{
	return &way->mappings[slot * SCATTER % slots];
}

static void toggle(const struct way *way, struct mapping *m)
{
	way->toggle(m);
	m->mapped = !m->mapped;
}

static void toggle_any(struct thread *t)
{
	unsigned long i = rnd_below(t, slots / 3 * 2);

	toggle(t->way, mapping_of(t->way, i / 2 * 3 + i % 2 + 1));
}

static void build(struct way *way)
{
	struct thread t = { .way = way };

	way->mappings = take(slots * sizeof(struct mapping));
	for (unsigned long slot = 0; slot < slots; slot++) {
		struct mapping *m = mapping_of(way, slot);

		m->it.start = slot * ROOM;
		m->it.last = m->it.start + SIZE - 1;
	}
	for (unsigned long i = 0; i < slots; i++) {
		if (way->mappings[i].it.start / ROOM % 3 < 2)
			toggle(way, &way->mappings[i]);
	}
	/* Until the nodes are as full as they will stay */
	for (unsigned long i = 0; i < 2 * slots; i++)
		toggle_any(&t);
}

static void check(const struct way *way)
{
	for (unsigned long slot = 0; slot < slots; slot++) {
		unsigned long expected = mapping_of(way, slot)->mapped ? slot * ROOM : NOTHING;

		if (way->lookup(slot * ROOM) != expected)
			die("%s: slot %lu is wrong\n", way->name, slot);
	}
}

static void run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("cannot run on CPU %d\n", cpu);
	rcu_register_thread();
}

static void *read_all(void *arg)
{
	struct thread *t = arg;

	run_on(1);
	while (!READ_ONCE(stop)) {
		unsigned long slot = rnd_below(t, slots);
		unsigned long found = t->way->lookup(slot * ROOM + rnd_below(t, SIZE));

		if (found != slot * ROOM && (found != NOTHING || slot % 3 == 0))
			die("%s: %ld found in slot %lu\n", t->way->name, found, slot);
		WRITE_ONCE(t->done, t->done + 1);
	}
	rcu_unregister_thread();
	return NULL;
}

static void *write_all(void *arg)
{
	struct thread *t = arg;

	run_on(0);
	while (!READ_ONCE(stop)) {
		toggle_any(t);
		WRITE_ONCE(t->done, t->done + 1);
	}
	rcu_unregister_thread();
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void measure(const struct way *way, bool with_writer, int round)
{
	struct thread reader = { .way = way, .seed = 1 };
	struct thread writer = { .way = way, .seed = 2 };
	unsigned long lookups, ops;
	double start, seconds;

	stop = false;
	if (pthread_create(&reader.thread, NULL, read_all, &reader) ||
	    (with_writer && pthread_create(&writer.thread, NULL, write_all, &writer)))
		die("cannot create threads\n");
	usleep(200000);
	start = now();
	lookups = READ_ONCE(reader.done);
	ops = READ_ONCE(writer.done);
	sleep(1);
	lookups = READ_ONCE(reader.done) - lookups;
	ops = READ_ONCE(writer.done) - ops;
	seconds = now() - start;
	WRITE_ONCE(stop, true);
	pthread_join(reader.thread, NULL);
	if (with_writer)
		pthread_join(writer.thread, NULL);
	printf("readers=%s n=%lu writer=%d lookups=%.0f changes=%.0f round=%d\n",
	       way->name, slots / 3 * 2, with_writer, lookups / seconds, ops / seconds, round);
}

int main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[1]) : 0;

	slots = rounds ? strtoul(argv[2], NULL, 0) / 2 * 3 : 0;
	if (!slots || slots % SCATTER == 0 || rounds < 1)
		die("usage: readers ROUNDS N\n");

	setlinebuf(stdout);
	printf("readers rcu=memb membarrier=%d\n", urcu_memb_has_sys_membarrier);
	madvise(pool, sizeof(pool), MADV_HUGEPAGE);
	run_on(0);
	create_all_cpu_call_rcu_data(0);
	maple_tree_init();
	mt_init_flags(&mt, MT_FLAGS_USE_RCU);
	pthread_spin_init(&spinlock_lock, PTHREAD_PROCESS_PRIVATE);
	build(&ways[0]);
	build(&ways[1]);
	for (int w = 2; w < ARRAY_SIZE(ways); w++)
		ways[w].mappings = ways[1].mappings;

	for (int round = 1; round <= rounds; round++) {
		for (int i = 0; i < 2 * ARRAY_SIZE(ways); i++)
			measure(&ways[i % ARRAY_SIZE(ways)], i >= ARRAY_SIZE(ways), round);
	}
	check(&ways[0]);
	check(&ways[1]);
	return 0;
}
