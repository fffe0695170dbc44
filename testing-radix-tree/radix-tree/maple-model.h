/* SPDX-License-Identifier: GPL-2.0+ */
/*
 * Common code for programs that test the maple tree.  This file also includes the
 * maple tree itself.
 *
 * - The internal lock of a tree is a spinlock: a thread which holds it may not
 *   allocate, and the slab stub refuses every attempt.
 * - lockdep_assert() is real: it counts the times it was not met.
 * - A model is a sorted array of the entries that a tree should have.
 * - run_tests() does the work of main().  It runs each test with each kind of
 *   tree.  The options are the same for all programs.
 */
#ifndef _MAPLE_MODEL_H
#define _MAPLE_MODEL_H

#include "generated/autoconf.h"	/* first: the size of a node depends on it */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <pthread.h>
#include <urcu/uatomic.h>
#include <linux/spinlock.h>

#define module_init(x)
#define module_exit(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(X)
#define MODULE_LICENSE(x)
#define dump_stack()	test_failed()

/* -n and -s: the number of rounds, and the seed for the random numbers */
static unsigned long rounds = ROUNDS;
static unsigned long seed = 1;

/* The current test, and the position in it, to print if it fails */
static char running[128];
static __thread char context[128];
static unsigned long checks;

static inline void print_context(void)
{
	fflush(stdout);
	fprintf(stderr, "    in: %s, seed %lu%s%s\n", running, seed,
		context[0] ? ", " : "", context);
}

/* The address sanitizer calls this when it ends the program. */
void __asan_on_error(void);
void __asan_on_error(void)
{
	print_context();
}

static inline void test_failed(void)
{
	print_context();
	_exit(1);	/* exit() may wait for us in liburcu */
}

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "FAILED %s:%d %s(): %s\n",		\
			__FILE__, __LINE__, __func__, #cond);		\
		test_failed();						\
	}								\
	uatomic_inc(&checks);						\
} while (0)

extern __thread bool kmem_cache_refuse;
extern __thread unsigned long kmem_cache_refused;
extern int nr_allocated, kmalloc_nr_allocated;

static __thread const void *held_lock;
__thread unsigned long lockdep_splats;

#define lockdep_assert(cond)	(lockdep_splats += !(cond))

int lockdep_is_held(const void *lock)
{
	return held_lock == lock;
}

static inline void model_spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(lock);
	held_lock = lock;
	kmem_cache_refuse = true;
}

static inline void model_spin_unlock(spinlock_t *lock)
{
	kmem_cache_refuse = false;
	held_lock = NULL;
	pthread_mutex_unlock(lock);
}

#undef spin_lock
#undef spin_unlock
#define spin_lock(lock)		model_spin_lock(lock)
#define spin_unlock(lock)	model_spin_unlock(lock)

#include "../shared/maple-shim.c"

static_assert(MAPLE_RANGE64_SLOTS == (sizeof(long) == 8 ? 16 : 32));

static const struct tree_kind {
	const char *name;
	unsigned int flags;
} tree_kinds[] = {
	{ "regular", 0 },
	{ "allocation", MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU", MT_FLAGS_USE_RCU },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
	{ "regular, external lock", MT_FLAGS_LOCK_EXTERN },
	{ "allocation, external lock", MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU, external lock", MT_FLAGS_LOCK_EXTERN | MT_FLAGS_USE_RCU },
	{ "allocation, RCU, external lock",
	  MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

static const char * const store_type_names[] = {
	[wr_new_root] = "new root", [wr_store_root] = "store root",
	[wr_exact_fit] = "exact fit", [wr_spanning_store] = "spanning",
	[wr_split_store] = "split", [wr_rebalance] = "rebalance",
	[wr_append] = "append", [wr_node_store] = "node",
	[wr_slot_store] = "slot",
};

/* xorshift64: a seed gives the same numbers everywhere; one for each thread */
struct rnd {
	u64 state;
};

static inline u64 rnd(struct rnd *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state;
}

/* A random number in [0, n) */
static inline unsigned long rnd_below(struct rnd *r, unsigned long n)
{
	return rnd(r) % n;
}

static inline struct rnd rnd_seed(unsigned long seed)
{
	struct rnd r = { .state = seed * 0x9e3779b97f4a7c15ULL + 1 };

	for (int i = 0; i < 8; i++)
		rnd(&r);
	return r;
}

struct range {
	unsigned long index;
	unsigned long last;
	void *entry;
};

static inline void *value(unsigned long v)
{
	return xa_mk_value(v & (LONG_MAX >> 1));
}

/*
 * Choose a random range.  Without @large stores, a tree keeps growing.  Large stores
 * are needed to get all store types in a small tree, and to collapse a high one.
 */
static inline void random_range(struct rnd *r, struct range *range, bool large)
{
	unsigned long size = 1 + rnd_below(r, 8);

	range->entry = rnd_below(r, 3) ? value(rnd(r)) : NULL;
	if (!rnd_below(r, large ? 10 : 200))
		size = 1 + rnd_below(r, large ? 2048 : 128);
	range->index = rnd_below(r, 65536);
	if (!rnd_below(r, 20))
		range->index = ULONG_MAX - range->index - size;
	range->last = range->index + size - 1;
	if (!large)
		return;

	if (!rnd_below(r, 100))
		range->last = ULONG_MAX;
	if (!rnd_below(r, 100))
		range->index = 0;
	if (!rnd_below(r, 100))
		range->last = range->index;
	if (!rnd_below(r, 50)) {
		range->index = 0;
		range->last = ULONG_MAX;
	}
}

struct model {
	struct range *range;
	unsigned long nr;
	unsigned long max;
};

/* The first range that ends at or after @index. */
static inline unsigned long model_find(const struct model *m, unsigned long index)
{
	unsigned long lo = 0, hi = m->nr;

	while (lo < hi) {
		unsigned long mid = (lo + hi) / 2;

		if (m->range[mid].last < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline void model_store(struct model *m, unsigned long index,
			       unsigned long last, void *entry)
{
	unsigned long lo = model_find(m, index);
	unsigned long hi = lo;
	struct range new[3];
	int n = 0;

	if (lo < m->nr && m->range[lo].index < index) {
		new[n] = m->range[lo];
		new[n++].last = index - 1;
	}
	if (entry)
		new[n++] = (struct range){ index, last, entry };
	while (hi < m->nr && m->range[hi].index <= last) {
		if (m->range[hi].last > last) {
			new[n] = m->range[hi];
			new[n++].index = last + 1;
		}
		hi++;
	}

	if (m->nr + n > m->max) {
		m->max = (m->nr + n) * 2;
		m->range = realloc(m->range, m->max * sizeof(*m->range));
	}
	if (hi < m->nr)
		memmove(m->range + lo + n, m->range + hi,
			(m->nr - hi) * sizeof(*m->range));
	for (int i = 0; i < n; i++)
		m->range[lo + i] = new[i];
	m->nr += n - (hi - lo);
}

static inline void model_free(struct model *m)
{
	free(m->range);
	memset(m, 0, sizeof(*m));
}

/* Move the entries of @part to @m. */
static inline void model_add(struct model *m, struct model *part)
{
	for (unsigned long i = 0; i < part->nr; i++)
		model_store(m, part->range[i].index, part->range[i].last,
			    part->range[i].entry);
	model_free(part);
}

/* Check that @mt has exactly the entries of @m. */
static inline void model_check(const struct model *m, struct maple_tree *mt)
{
	MA_STATE(mas, mt, 0, 0);
	unsigned long i = 0;
	void *entry;

	rcu_read_lock();
	mas_for_each(&mas, entry, ULONG_MAX) {
		CHECK(i < m->nr);
		CHECK(entry == m->range[i].entry);
		CHECK(mas.index == m->range[i].index);
		CHECK(mas.last == m->range[i].last);
		i++;
	}
	rcu_read_unlock();
	CHECK(i == m->nr);
}

/* Nodes are freed with kmem_cache_free() or kfree(): only the sum is reliable. */
static inline unsigned long nodes_allocated(void)
{
	return nr_allocated + kmalloc_nr_allocated;
}

/* In the maple state, by mas_preallocate() */
static inline unsigned long nodes_reserved(struct ma_state *mas)
{
	return (mas->sheaf ? kmem_cache_sheaf_size(mas->sheaf) : 0) +
	       !!mas->alloc;
}

static inline unsigned long count_nodes(struct maple_tree *mt)
{
	MA_STATE(mas, mt, 0, 0);
	unsigned long nodes = 0;

	mas_start(&mas);
	if (!mas_is_active(&mas))
		return 0;

	while (!mte_is_leaf(mas.node))
		mas_descend(&mas);

	while (!mas_is_overflow(&mas)) {
		nodes++;
		mas_dfs_postorder(&mas, ULONG_MAX);
	}
	return nodes;
}

/* Check that the tree is valid and matches the model. */
static inline void check_tree(struct maple_tree *mt, const struct model *m)
{
	mtree_lock(mt);
	mt_validate(mt);
	mtree_unlock(mt);
	model_check(m, mt);
}

/* Check also for leaks: all allocated nodes must be in the tree, or @reserved. */
static inline void check_reserved(struct maple_tree *mt, const struct model *m,
				  unsigned long reserved)
{
	check_tree(mt, m);
	rcu_barrier();
	CHECK(nodes_allocated() == count_nodes(mt) + reserved);
}

static inline void check_all(struct maple_tree *mt, const struct model *m)
{
	check_reserved(mt, m, 0);
}

static inline void setup(struct maple_tree *mt, struct model *m,
			 const struct tree_kind *kind)
{
	memset(mt, 0, sizeof(*mt));
	mt_init_flags(mt, kind->flags);
	memset(m, 0, sizeof(*m));
}

static inline void teardown(struct maple_tree *mt, struct model *m)
{
	mtree_destroy(mt);
	model_free(m);
	rcu_barrier();
	CHECK(!nodes_allocated());
}

struct test {
	const char *name;
	void (*run)(const struct tree_kind *kind);
	bool gaps;	/* only for trees that track gaps */
	bool external;	/* for trees with an external lock, too */
};

/* Returns false unless @arg is a number and nothing else. */
static inline bool parse_number(const char *arg, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(arg, &end, 0);
	return isdigit((unsigned char)arg[0]) && !*end && !errno;
}

/* Returns false if the test does not run: not for @kind, or its name lacks @only. */
static inline bool run_test(const struct test *test,
			    const struct tree_kind *kind, const char *only)
{
	struct timespec start, end;

	snprintf(running, sizeof(running), "%s, %s tree", test->name, kind->name);
	if (!strstr(running, only))
		return false;
	if (test->gaps && !(kind->flags & MT_FLAGS_ALLOC_RANGE))
		return false;
	if (!test->external && kind->flags & MT_FLAGS_LOCK_EXTERN)
		return false;
	context[0] = '\0';
	clock_gettime(CLOCK_MONOTONIC, &start);
	test->run(kind);
	CHECK(!lockdep_splats);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("ok - %s (%.1f s)\n", running, end.tv_sec - start.tv_sec +
	       (end.tv_nsec - start.tv_nsec) / 1e9);
	return true;
}

static inline int run_tests(int argc, char **argv, const struct test *tests,
			    int nr)
{
	const char *only = "";
	unsigned long run = 0;
	bool valid = true;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:t:")) != -1) {
		if (opt == 'n')
			valid &= parse_number(optarg, &rounds) && rounds;
		else if (opt == 's')
			valid &= parse_number(optarg, &seed);
		else if (opt == 't')
			only = optarg;
		else
			valid = false;
	}
	if (!valid || optind < argc) {
		fprintf(stderr, "usage: %s [-n ROUNDS] [-s SEED] [-t TEST]\n"
			"ROUNDS: %d by default; TEST: part of a test's name\n",
			argv[0], ROUNDS);
		return 2;
	}

	setlinebuf(stdout);
	rcu_register_thread();
	maple_tree_init();
	for (int t = 0; t < nr; t++)
		for (int k = 0; k < ARRAY_SIZE(tree_kinds); k++)
			run += run_test(&tests[t], &tree_kinds[k], only);
	rcu_unregister_thread();
	if (!run) {
		fprintf(stderr, "%s: no test has \"%s\" in its name\n",
			argv[0], only);
		return 2;
	}
	printf("%s: seed %lu, %lu checks passed\n", argv[0], seed, checks);
	return 0;
}

#endif /* _MAPLE_MODEL_H */
