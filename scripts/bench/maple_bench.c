// SPDX-License-Identifier: GPL-2.0
/*
 * ns per store of a maple tree, by the way in which its nodes come; and memory.
 *
 * Copied to lib/ and built in by bench.sh. Runs at boot, prints lines
 *
 *	BENCH name=value ...
 *
 * with the last one being BENCH done, and stops the machine. On the command line:
 * maple_bench.threads (2: SMP), maple_bench.batches, maple_bench.entries (at most).
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/rbtree.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>
#include "../mm/slab.h"

static unsigned int threads = 1, batches = 20, entries = 1000000;
module_param(threads, uint, 0);
module_param(batches, uint, 0);
module_param(entries, uint, 0);

/* Returns int since the series, was void. */
#define PATCHED	__builtin_types_compatible_p(typeof(&mas_store_prealloc), \
					     int (*)(struct ma_state *, void *))
#define store_prealloc(mas, entry)					\
	__builtin_choose_expr(PATCHED, mas_store_prealloc(mas, entry),	\
			      (mas_store_prealloc(mas, entry), 0))

#define STRIDE		16	/* entry i is at i * STRIDE, 8 indices long */
#define STORES		256U	/* in a batch, at least */
#define WARM_UP		1	/* batches that do not count */
#define MAX_THREADS	2

struct index {
	struct maple_tree mt;
	struct rb_root rb;
	spinlock_t lock;	/* the external one, and the one of rb */
};

/*
 * Each way is a kind of lock and a way to have the nodes. store() writes a
 * range, or clears it when entry is NULL; over() replaces an entry in exactly
 * its range; reserve() prepares for store() and drops it again.
 */
struct way {
	const char *name;
	unsigned int flags;	/* of the tree */
	bool patched;		/* only with the series */
	bool rb;
	int (*store)(struct index *idx, unsigned long first, unsigned long last, void *entry);
	int (*over)(struct index *idx, unsigned long first, unsigned long last, void *entry);
	int (*reserve)(struct index *idx, unsigned long first, unsigned long last, void *entry);
};

/* External lock, as for VMAs: held across both calls. */
static int exact_store(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret;

	spin_lock(&idx->lock);
	ret = mas_preallocate(&mas, entry, GFP_NOWAIT);
	if (!ret)
		ret = store_prealloc(&mas, entry);
	spin_unlock(&idx->lock);
	return ret;
}

static int exact_reserve(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret;

	spin_lock(&idx->lock);
	ret = mas_preallocate(&mas, entry, GFP_NOWAIT);
	mas_destroy(&mas);
	spin_unlock(&idx->lock);
	return ret;
}

/* Internal lock: reserved outside of it. */
static int internal_store(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret = mas_preallocate(&mas, entry, GFP_KERNEL);

	if (ret)
		return ret;

	mas_lock(&mas);
	ret = store_prealloc(&mas, entry);
	mas_unlock(&mas);
	if (ret)
		mas_destroy(&mas);
	return ret;
}

static int internal_reserve(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret = mas_preallocate(&mas, entry, GFP_KERNEL);

	mas_destroy(&mas);
	return ret;
}

/* Internal lock: allocates under it, drops it if that fails. */
static int gfp_store(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, entry, GFP_KERNEL);
	mas_unlock(&mas);
	return ret;
}

/* An rb-tree of ranges that do not overlap. */
struct rb_range {
	struct rb_node rb;
	unsigned long first;
	unsigned long last;
	void *entry;
};

static struct kmem_cache *range_cache;

static struct rb_range *rb_search(struct index *idx, unsigned long first)
{
	struct rb_node *node = idx->rb.rb_node;

	while (node) {
		struct rb_range *r = rb_entry(node, struct rb_range, rb);

		if (first < r->first)
			node = node->rb_left;
		else if (first > r->last)
			node = node->rb_right;
		else
			return r;
	}
	return NULL;
}

static int rb_store(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	struct rb_node **link = &idx->rb.rb_node, *parent = NULL;
	struct rb_range *r;

	if (!entry) {
		spin_lock(&idx->lock);
		r = rb_search(idx, first);
		if (r)
			rb_erase(&r->rb, &idx->rb);
		spin_unlock(&idx->lock);
		if (!r)
			return -ENOENT;
		kmem_cache_free(range_cache, r);
		return 0;
	}

	r = kmem_cache_alloc(range_cache, GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->first = first;
	r->last = last;
	r->entry = entry;

	spin_lock(&idx->lock);
	while (*link) {
		struct rb_range *other = rb_entry(*link, struct rb_range, rb);

		parent = *link;
		link = last < other->first ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&r->rb, parent, link);
	rb_insert_color(&r->rb, &idx->rb);
	spin_unlock(&idx->lock);
	return 0;
}

static int rb_over(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	struct rb_range *r;

	spin_lock(&idx->lock);
	r = rb_search(idx, first);
	if (r)
		r->entry = entry;
	spin_unlock(&idx->lock);
	return r ? 0 : -ENOENT;
}

static int rb_reserve(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	void *r = kmem_cache_alloc(range_cache, GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	kmem_cache_free(range_cache, r);
	return 0;
}

static const struct way ways[] = {
	{ "exact", MT_FLAGS_LOCK_EXTERN, false, false, exact_store, exact_store, exact_reserve },
	{ "internal", 0, true, false, internal_store, internal_store, internal_reserve },
	{ "gfp", 0, false, false, gfp_store, gfp_store, NULL },
	{ "rb", 0, false, true, rb_store, rb_over, rb_reserve },
};

#define NR_WAYS ARRAY_SIZE(ways)

enum op { OP_STORE, OP_OVERWRITE, OP_RESERVE, NR_OPS };
static const char * const op_names[] = { "store", "overwrite", "reserve" };

static bool failed;

#define fail(fmt, ...) do {						\
	pr_err("BENCH failed " fmt "\n", ##__VA_ARGS__);		\
	failed = true;							\
} while (0)

/* What one thread does in a batch. */
struct job {
	struct index *idx;
	const struct way *way;
	enum op op;
	const unsigned int *places;
	const unsigned int *warm_up;	/* other places, nr / 8 of them */
	unsigned int nr;
	unsigned int ns10;		/* result: 0.1 ns per store */
	struct completion done;
};

static atomic_t arrived;

static noinline int run_op(struct job *job, const unsigned int *places, unsigned int nr)
{
	const struct way *way = job->way;
	void *entry = xa_mk_value(job->op == OP_OVERWRITE ? 2 : 3);
	int ret = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned long first = (unsigned long)places[i] * STRIDE;

		switch (job->op) {
		case OP_STORE:		/* in the middle of a gap */
			ret |= way->store(job->idx, first + 10, first + 13, entry);
			break;
		case OP_OVERWRITE:
			ret |= way->over(job->idx, first, first + 7, entry);
			break;
		default:
			ret |= way->reserve(job->idx, first + 10, first + 13, entry);
		}
	}

	for (i = 0; job->op == OP_STORE && i < nr; i++) {
		unsigned long first = (unsigned long)places[i] * STRIDE;

		ret |= way->store(job->idx, first + 10, first + 13, NULL);
	}

	return ret;
}

static int run_job(void *data)
{
	struct job *job = data;
	unsigned int stores = 0;
	int ret = 0;
	u64 start;

	/* The code into the caches, but not this part of the tree. */
	ret |= run_op(job, job->warm_up, job->nr / 8);

	atomic_inc(&arrived);
	while (atomic_read(&arrived) < threads)
		cpu_relax();

	start = ktime_get_ns();
	do {
		ret |= run_op(job, job->places, job->nr);
		stores += job->op == OP_STORE ? 2 * job->nr : job->nr;
	} while (stores < STORES);
	job->ns10 = div_u64((ktime_get_ns() - start) * 10, stores);
	if (ret)
		fail("%s by %s: %d", op_names[job->op], job->way->name, ret);
	complete(&job->done);
	return 0;
}

static void *load(struct index *idx, bool rb, unsigned long index)
{
	struct rb_range *r;

	if (!rb)
		return mtree_load(&idx->mt, index);
	r = rb_search(idx, index);
	return r ? r->entry : NULL;
}

/* try - what is timed is what its name says; nobody else uses the tree now */
static void try(struct index *idx, const struct way *way, unsigned int place)
{
	unsigned long first = (unsigned long)place * STRIDE;
	void *entry = xa_mk_value(4);
	int ret;

	ret = way->store(idx, first + 10, first + 13, entry);
	if (ret || load(idx, way->rb, first + 9) || load(idx, way->rb, first + 10) != entry ||
	    load(idx, way->rb, first + 13) != entry || load(idx, way->rb, first + 14))
		fail("store by %s does not: %d", way->name, ret);
	ret = way->store(idx, first + 10, first + 13, NULL);
	if (ret || load(idx, way->rb, first + 10) || load(idx, way->rb, first + 13))
		fail("store of NULL by %s does not: %d", way->name, ret);
	ret = way->over(idx, first, first + 7, entry);
	if (ret || load(idx, way->rb, first) != entry || load(idx, way->rb, first + 7) != entry)
		fail("overwrite by %s does not: %d", way->name, ret);
}

/* run_batch - the same in all threads at once */
static void run_batch(struct job *jobs, const struct way *way, enum op op)
{
	unsigned int t;

	/* Have the nodes back that the last one has freed. */
	if (op == OP_STORE && !way->rb)
		rcu_barrier();

	atomic_set(&arrived, 0);
	for (t = 0; t < threads; t++) {
		jobs[t].way = way;
		jobs[t].op = op;
		init_completion(&jobs[t].done);
		if (!way->rb) {
			jobs[t].idx->mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
			jobs[t].idx->mt.ma_flags |= way->flags;
		}
	}
	if (op == OP_STORE)
		try(jobs[0].idx, way, jobs[0].places[0]);
	for (t = 1; t < threads; t++) {
		struct task_struct *task = kthread_create_on_cpu(run_job, &jobs[t], t, "bench/%u");

		if (IS_ERR(task)) {
			fail("no thread");
			return;
		}
		wake_up_process(task);
	}
	run_job(&jobs[0]);
	for (t = 0; t < threads; t++)
		wait_for_completion(&jobs[t].done);
}

static int cmp_uint(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

static int fill(struct index *idx, bool rb, const unsigned int *order, unsigned int n)
{
	int ret = 0;

	idx->mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	for (unsigned int i = 0; i < n && !ret; i++) {
		unsigned long first = (unsigned long)order[i] * STRIDE;

		if (rb)
			ret = rb_store(idx, first, first + 7, xa_mk_value(1));
		else
			ret = mtree_store_range(&idx->mt, first, first + 7,
						xa_mk_value(1), GFP_KERNEL);
		if (!(i & 4095))
			cond_resched();
	}
	return ret;
}

static void empty(struct index *idx)
{
	struct rb_range *r, *next;

	idx->mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	mtree_destroy(&idx->mt);
	rbtree_postorder_for_each_entry_safe(r, next, &idx->rb, rb)
		kmem_cache_free(range_cache, r);
	idx->rb = RB_ROOT;
}

/* check - what the timed stores have left must be what was filled in */
static void check(struct index *idx, bool rb, unsigned int n)
{
	unsigned long i = 0, count = 0;
	struct rb_node *node;
	void *entry;

	if (rb)
		for (node = rb_first(&idx->rb); node; node = rb_next(node))
			count++;
	else
		mt_for_each(&idx->mt, entry, i, ULONG_MAX)
			count++;
	if (count != n)
		fail("%lu entries instead of %u", count, n);
}

/* measure - all ways in turn on the same trees, so that they see the same of all else */
static void measure(const char *kind, unsigned int flags, bool rb, bool shared,
		    const unsigned int *order, unsigned int n, unsigned int *results)
{
	static struct index trees[MAX_THREADS];
	struct job jobs[MAX_THREADS] = {};
	unsigned int own = shared ? n / threads : n;
	unsigned int nr = min(own, STORES), pos = 0;
	unsigned int t, b, p, op;

	for (t = 0; t < threads; t++) {
		spin_lock_init(&trees[t].lock);
		mt_init_flags(&trees[t].mt, flags);
		trees[t].rb = RB_ROOT;
		jobs[t].idx = &trees[shared ? 0 : t];
		jobs[t].nr = nr;
		if (jobs[t].idx == &trees[t] && fill(&trees[t], rb, order, n)) {
			fail("no memory for %u entries", n);
			goto out;
		}
	}

	for (op = 0; op < NR_OPS; op++) {
		for (b = 0; b < batches + WARM_UP && !failed; b++) {
			for (unsigned int i = 0; i < NR_WAYS; i++) {
				p = (b + i) % NR_WAYS;
				if (ways[p].rb != rb || (ways[p].patched && !PATCHED) ||
				    (op == OP_RESERVE && !ways[p].reserve))
					continue;
				for (t = 0; t < threads; t++) {
					/* Each thread has places of its own. */
					jobs[t].places = order + pos + (shared ? t * own : 0);
					pos = pos + 2 * nr > own ? 0 : pos + nr;
					jobs[t].warm_up = order + pos + (shared ? t * own : 0);
				}
				run_batch(jobs, &ways[p], op);
				for (t = 0; b >= WARM_UP && t < threads; t++)
					results[(p * batches + b - WARM_UP) * threads + t] = jobs[t].ns10;
			}
		}
		for (p = 0; p < NR_WAYS && !failed; p++) {
			unsigned int *r = results + p * batches * threads;

			if (ways[p].rb != rb || (ways[p].patched && !PATCHED) ||
			    (op == OP_RESERVE && !ways[p].reserve))
				continue;
			sort(r, batches * threads, sizeof(*r), cmp_uint, NULL);
			b = r[batches * threads / 2];
			pr_info("BENCH op=%s tree=%s path=%s n=%u mode=%s ns=%u.%u\n",
				op_names[op], kind, ways[p].name, n,
				threads == 1 ? "alone" : shared ? "shared" : "own",
				b / 10, b % 10);
		}
	}
	for (t = 0; t < (shared ? 1 : threads); t++)
		check(&trees[t], rb, n);
out:
	for (t = 0; t < threads; t++)
		empty(&trees[t]);
}

static void measure_all(void)
{
	unsigned int *order = vmalloc_array(entries, sizeof(*order));
	unsigned int *results = vmalloc_array(NR_WAYS * batches * threads, sizeof(*results));
	struct rnd_state rnd;

	if (!order || !results) {
		fail("no memory");
		goto out;
	}

	prandom_seed_state(&rnd, 42);
	for (unsigned int n = 10; n <= entries && !failed; n *= n == 10 || n == 1000 ? 100 : 10) {
		for (unsigned int i = 0; i < n; i++) {
			unsigned int j = prandom_u32_state(&rnd) % (i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (unsigned int shared = 0; shared < threads; shared++) {
			measure("allocation,RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU,
				false, shared, order, n, results);
			measure("regular", 0, false, shared, order, n, results);
			measure("rb", 0, true, shared, order, n, results);
		}
	}
out:
	vfree(results);
	vfree(order);
}

static long slab_bytes(void)
{
	return (global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)) * PAGE_SIZE;
}

#define PENDING 1000

/* memory - what reservations that are pending hold, and what is kept for the next ones */
static void memory(void)
{
	static struct ma_state pending[PENDING];
	struct kmem_cache *cache;
	unsigned int nodes;
	DEFINE_MTREE(mt);
	long before;

	/* The cache has no name outside of lib/maple_tree.c: a node knows it. */
	for (unsigned long i = 0; i < 1000; i++)
		if (mtree_store(&mt, i * 2, xa_mk_value(i), GFP_KERNEL))
			fail("no memory");
	cache = virt_to_slab((void *)((unsigned long)mt.ma_root & ~MAPLE_NODE_MASK))->slab_cache;
	if (!cache->sheaf_capacity)
		fail("the cache %s has no sheaves", cache->name);

	for (unsigned int p = 0; p < 2; p++) {
		unsigned int most = 0;

		if (ways[p].patched && !PATCHED)
			break;
		mt.ma_flags |= ways[p].flags;
		kmem_cache_shrink(cache);
		before = slab_bytes();
		for (unsigned int i = 0; i < PENDING; i++) {
			mas_init(&pending[i], &mt, i * 2);
			mas_set_range(&pending[i], i * 2, i * 2 + 3);
			if (mas_preallocate(&pending[i], xa_mk_value(1), GFP_KERNEL))
				fail("no memory");
			nodes = pending[i].alloc ? 1 : 0;
			if (pending[i].sheaf)
				nodes = kmem_cache_sheaf_size(pending[i].sheaf);
			most = max(most, nodes);
		}
		pr_info("BENCH pending=%d path=%s bytes=%ld nodes=%u capacity=%u\n", PENDING,
			ways[p].name, slab_bytes() - before, most, cache->sheaf_capacity);
		for (unsigned int i = 0; i < PENDING; i++)
			mas_destroy(&pending[i]);
		mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	}

	/* Nothing in use; the sheaves are full. Then without sheaves. */
	mtree_destroy(&mt);
	rcu_barrier();
	before = slab_bytes();
	kmem_cache_shrink(cache);
	pr_info("BENCH idle bytes=%ld capacity=%u cpus=%u\n", before - slab_bytes(),
		cache->sheaf_capacity, num_online_cpus());
}

static int __init maple_bench(void)
{
	threads = clamp(threads, 1U, MAX_THREADS);
	if (threads > num_online_cpus())
		fail("%u threads on %u CPUs", threads, num_online_cpus());
	range_cache = KMEM_CACHE(rb_range, 0);
	set_cpus_allowed_ptr(current, cpumask_of(0));

	if (!failed && range_cache)
		measure_all();
	if (!failed && threads == 1)
		memory();
	if (!failed)
		pr_info("BENCH done\n");

	/* UML would start again; x86-64 has nothing to switch it off. */
	if (IS_ENABLED(CONFIG_UML))
		kernel_power_off();
	else
		emergency_restart();
	return 0;
}
late_initcall(maple_bench);
