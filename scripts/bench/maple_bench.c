// SPDX-License-Identifier: GPL-2.0
/*
 * ns per store of a maple tree, by the way in which its nodes come, and memory.
 *
 * Copied to lib/ and built in by make bench. With maple_bench.run on the command line it
 * runs at boot, prints lines
 *
 *	BENCH name=value ...
 *
 * with the last one being BENCH done, and stops the machine.
 */
#include <linux/init.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/rbtree.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>
#include "../mm/slab.h"

static bool run;
module_param(run, bool, 0);

#define BATCHES		20
#define MOST_ENTRIES	1000000U

/* Only in the series */
extern int mas_reserve(struct ma_state *mas, gfp_t gfp) __weak;

/* Returns int since the series, was void. */
#define PATCHED	__builtin_types_compatible_p(typeof(&mas_store_prealloc), \
					     int (*)(struct ma_state *, void *))
#define store_prealloc(mas, entry)					\
	__builtin_choose_expr(PATCHED, mas_store_prealloc(mas, entry),	\
			      (mas_store_prealloc(mas, entry), 0))

#define STRIDE		16	/* entry i is at i * STRIDE, 8 indices long */
#define STORES		256U	/* in a batch, at least */
#define WARM_UP		1	/* BATCHES that do not count */

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

/* The same, and what is left is given back after the unlock. */
static int reserve_store(struct index *idx, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, &idx->mt, first, last);
	int ret = mas_reserve(&mas, GFP_KERNEL);

	if (ret)
		return ret;

	mas_lock(&mas);
	ret = store_prealloc(&mas, entry);
	mas_unlock(&mas);
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

/*
 * The functions of two copies of lib/maple_tree.c without the series, for a comparison on
 * the same tree. The second shows what comes of where the code happens to be.
 */
#define COPY(copy)									\
extern int copy##_mas_preallocate(struct ma_state *mas, void *entry, gfp_t gfp);	\
extern void copy##_mas_store_prealloc(struct ma_state *mas, void *entry);		\
extern int copy##_mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp);		\
extern void copy##_mas_destroy(struct ma_state *mas);					\
											\
static int copy##_exact_store(struct index *idx, unsigned long first,			\
			      unsigned long last, void *entry)				\
{											\
	MA_STATE(mas, &idx->mt, first, last);						\
	int ret;									\
											\
	spin_lock(&idx->lock);								\
	ret = copy##_mas_preallocate(&mas, entry, GFP_NOWAIT);				\
	if (!ret)									\
		copy##_mas_store_prealloc(&mas, entry);					\
	spin_unlock(&idx->lock);							\
	return ret;									\
}											\
											\
static int copy##_exact_reserve(struct index *idx, unsigned long first,			\
				unsigned long last, void *entry)			\
{											\
	MA_STATE(mas, &idx->mt, first, last);						\
	int ret;									\
											\
	spin_lock(&idx->lock);								\
	ret = copy##_mas_preallocate(&mas, entry, GFP_NOWAIT);				\
	copy##_mas_destroy(&mas);							\
	spin_unlock(&idx->lock);							\
	return ret;									\
}											\
											\
static int copy##_gfp_store(struct index *idx, unsigned long first,			\
			    unsigned long last, void *entry)				\
{											\
	MA_STATE(mas, &idx->mt, first, last);						\
	int ret;									\
											\
	mas_lock(&mas);									\
	ret = copy##_mas_store_gfp(&mas, entry, GFP_KERNEL);				\
	mas_unlock(&mas);								\
	return ret;									\
}

COPY(base)
COPY(again)

static const struct way ways[] = {
	{ "exact", MT_FLAGS_LOCK_EXTERN, false, false, exact_store, exact_store, exact_reserve },
	{ "internal", 0, true, false, internal_store, internal_store, internal_reserve },
	{ "reserve", 0, true, false, reserve_store, reserve_store, NULL },
	{ "gfp", 0, false, false, gfp_store, gfp_store, NULL },
	{ "base-exact", MT_FLAGS_LOCK_EXTERN, false, false,
	  base_exact_store, base_exact_store, base_exact_reserve },
	{ "again-exact", MT_FLAGS_LOCK_EXTERN, false, false,
	  again_exact_store, again_exact_store, again_exact_reserve },
	{ "base-gfp", 0, false, false, base_gfp_store, base_gfp_store, NULL },
	{ "again-gfp", 0, false, false, again_gfp_store, again_gfp_store, NULL },
	{ "rb", 0, false, true, rb_store, rb_over, rb_reserve },
};

#define NR_WAYS ARRAY_SIZE(ways)
static_assert(NR_WAYS == 9);

enum op { OP_STORE, OP_OVERWRITE, OP_RESERVE, NR_OPS };
static const char * const op_names[] = { "store", "overwrite", "reserve" };

static bool failed;

#define fail(fmt, ...) do {						\
	pr_err("BENCH failed " fmt "\n", ##__VA_ARGS__);		\
	failed = true;							\
} while (0)

/* One batch */
struct job {
	struct index *idx;
	const struct way *way;
	enum op op;
	const unsigned int *places;
	const unsigned int *warm_up;	/* other places, nr / 8 of them */
	unsigned int nr;
};

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

/* run_job - returns 0.1 ns per store */
static unsigned int run_job(struct job *job)
{
	unsigned int stores = 0;
	int ret = 0;
	u64 start, ns;

	/* The code into the caches, but not this part of the tree. */
	ret |= run_op(job, job->warm_up, job->nr / 8);

	start = ktime_get_ns();
	do {
		ret |= run_op(job, job->places, job->nr);
		stores += job->op == OP_STORE ? 2 * job->nr : job->nr;
	} while (stores < STORES);
	ns = ktime_get_ns() - start;
	if (ret)
		fail("%s by %s: %d", op_names[job->op], job->way->name, ret);
	return div_u64(ns * 10, stores);
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

static unsigned int run_batch(struct job *job, const struct way *way, enum op op)
{
	/* Have the nodes back that the last one has freed. */
	if (op == OP_STORE && !way->rb)
		rcu_barrier();

	job->way = way;
	job->op = op;
	if (!way->rb) {
		job->idx->mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
		job->idx->mt.ma_flags |= way->flags;
	}
	if (op == OP_STORE)
		try(job->idx, way, job->places[0]);
	return run_job(job);
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

static bool used(const struct way *way, bool rb, enum op op)
{
	return way->rb == rb && (PATCHED || !way->patched) && (op != OP_RESERVE || way->reserve);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* shuffle - put nr random ones of the n places first: the CPU must not learn to predict them */
static void shuffle(unsigned int *order, unsigned int nr, unsigned int n)
{
	static struct rnd_state rnd;

	prandom_seed_state(&rnd, ktime_get_ns());
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int j = i + prandom_u32_state(&rnd) % (n - i);

		swap(order[i], order[j]);
	}
}

/*
 * measure - all ways in turn on the same tree, so that they see the same of all else. The order
 * changes, so that none always runs after the same one.
 */
static void measure(const char *kind, unsigned int flags, bool rb, unsigned int *order,
		    unsigned int n)
{
	static const unsigned int steps[] = { 1, 2, 4, 5, 7, 8 };	/* prime to NR_WAYS */
	static struct index idx;
	struct job job = { .idx = &idx, .nr = min(n, STORES), .places = order };

	spin_lock_init(&idx.lock);
	mt_init_flags(&idx.mt, flags);
	idx.rb = RB_ROOT;
	if (fill(&idx, rb, order, n)) {
		fail("no memory for %u entries", n);
		goto out;
	}

	for (unsigned int op = 0; op < NR_OPS; op++) {
		static unsigned int ns10[NR_WAYS][WARM_UP + BATCHES];

		for (unsigned int b = 0; b < WARM_UP + BATCHES && !failed; b++) {
			for (unsigned int i = 0; i < NR_WAYS; i++) {
				unsigned int w = (b + i * steps[b % ARRAY_SIZE(steps)]) % NR_WAYS;

				if (!used(&ways[w], rb, op))
					continue;
				shuffle(order, job.nr, n);
				job.warm_up = order + (n < 2 * job.nr ? 0 : job.nr);
				ns10[w][b] = run_batch(&job, &ways[w], op);
			}
		}
		for (unsigned int w = 0; w < NR_WAYS && !failed; w++) {
			unsigned int median;

			if (!used(&ways[w], rb, op))
				continue;
			sort(ns10[w] + WARM_UP, BATCHES, sizeof(**ns10), by_number, NULL);
			median = ns10[w][WARM_UP + BATCHES / 2];
			pr_info("BENCH op=%s tree=%s path=%s n=%u ns=%u.%u\n", op_names[op], kind,
				ways[w].name, n, median / 10, median % 10);
		}
	}
	check(&idx, rb, n);
out:
	empty(&idx);
}

/*
 * Reservations that are pending at the same time: all are made, then all stores under
 * the lock, then what is left is given back. Each phase is timed by itself.
 */
enum phase { PHASE_RESERVE, PHASE_STORE, PHASE_GIVE_BACK, NR_PHASES };
static const char * const phase_names[] = { "reserve", "store", "give-back" };

#define MOST_PENDING	1024U
static const unsigned int pending_counts[] = { 1, 8, 16, 64, 512, MOST_PENDING };

struct pending_way {
	const char *name;
	bool patched;
	bool rb;
	int (*reserve)(struct ma_state *mas);
};

static int reserve_internal(struct ma_state *mas)
{
	return mas_preallocate(mas, NULL, GFP_KERNEL);
}

static int reserve_any(struct ma_state *mas)
{
	return mas_reserve(mas, GFP_KERNEL);
}

static const struct pending_way pending_ways[] = {
	{ "reserve", true, false, reserve_any },
	{ "internal", true, false, reserve_internal },
	{ "rb", false, true, NULL },
};

static struct pending {
	struct ma_state mas;
	struct rb_range *range;
} pending[MOST_PENDING];

static void rb_insert(struct index *idx, struct rb_range *r)
{
	struct rb_node **link = &idx->rb.rb_node, *parent = NULL;

	while (*link) {
		struct rb_range *other = rb_entry(*link, struct rb_range, rb);

		parent = *link;
		link = r->last < other->first ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&r->rb, parent, link);
	rb_insert_color(&r->rb, &idx->rb);
}

static int rb_pending(struct index *idx, bool new, const unsigned int *places, unsigned int n,
		      u64 *ends)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n; i++) {
		pending[i].range = kmem_cache_alloc(range_cache, GFP_KERNEL);
		if (!pending[i].range)
			return -ENOMEM;
	}
	ends[PHASE_RESERVE] = ktime_get_ns();
	for (i = 0; i < n; i++) {
		unsigned long first = (unsigned long)places[i] * STRIDE + (new ? 10 : 0);
		struct rb_range *r = pending[i].range;

		if (!new) {
			ret |= rb_over(idx, first, first + 7, xa_mk_value(2));
			continue;
		}
		r->first = first;
		r->last = first + 3;
		r->entry = xa_mk_value(3);
		spin_lock(&idx->lock);
		rb_insert(idx, r);
		spin_unlock(&idx->lock);
	}
	ends[PHASE_STORE] = ktime_get_ns();
	for (i = 0; !new && i < n; i++)
		kmem_cache_free(range_cache, pending[i].range);
	ends[PHASE_GIVE_BACK] = ktime_get_ns();
	for (i = 0; new && i < n; i++)
		ret |= rb_store(idx, (unsigned long)places[i] * STRIDE + 10, 0, NULL);
	return ret;
}

static int maple_pending(struct index *idx, const struct pending_way *way, bool new,
			 const unsigned int *places, unsigned int n, u64 *ends)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n; i++) {
		mas_init(&pending[i].mas, &idx->mt, 0);
		ret |= way->reserve(&pending[i].mas);
	}
	ends[PHASE_RESERVE] = ktime_get_ns();
	for (i = 0; !ret && i < n; i++) {
		unsigned long first = (unsigned long)places[i] * STRIDE + (new ? 10 : 0);
		struct ma_state *mas = &pending[i].mas;

		mas_lock(mas);
		mas_set_range(mas, first, first + (new ? 3 : 7));
		ret |= store_prealloc(mas, xa_mk_value(new ? 3 : 2));
		mas_unlock(mas);
	}
	ends[PHASE_STORE] = ktime_get_ns();
	for (i = 0; i < n; i++)
		mas_destroy(&pending[i].mas);
	ends[PHASE_GIVE_BACK] = ktime_get_ns();
	for (i = 0; !ret && new && i < n; i++) {
		unsigned long first = (unsigned long)places[i] * STRIDE + 10;

		ret |= mtree_store_range(&idx->mt, first, first + 3, NULL, GFP_KERNEL);
	}
	return ret;
}

/* split_all - a new range in each gap, and out again */
static int split_all(struct index *idx, bool rb, const unsigned int *order, unsigned int n)
{
	int ret = 0;

	for (unsigned int i = 0; i < 2 * n && !ret; i++) {
		unsigned long first = (unsigned long)order[i % n] * STRIDE + 10;
		void *entry = i < n ? xa_mk_value(3) : NULL;

		if (rb)
			ret = rb_store(idx, first, first + 3, entry);
		else
			ret = mtree_store_range(&idx->mt, first, first + 3, entry, GFP_KERNEL);
		if (!(i & 4095))
			cond_resched();
	}
	return ret;
}

static void measure_pending(const char *kind, unsigned int flags, bool rb,
			    const unsigned int *order, unsigned int n)
{
	static struct index idx;
	unsigned int pos = 0;

	spin_lock_init(&idx.lock);
	mt_init_flags(&idx.mt, flags);
	idx.rb = RB_ROOT;
	/* What is measured first should not find fuller nodes than what comes later. */
	if (fill(&idx, rb, order, n) || split_all(&idx, rb, order, n))
		fail("no memory for %u entries", n);

	for (unsigned int w = 0; w < ARRAY_SIZE(pending_ways); w++)
	for (unsigned int new = 0; new < 2; new++)
	for (unsigned int c = 0; c < ARRAY_SIZE(pending_counts) && !failed; c++) {
		const struct pending_way *way = &pending_ways[w];
		unsigned int count = pending_counts[c];
		u64 fastest[NR_PHASES];

		if (way->rb != rb || (way->patched && !mas_reserve))
			continue;
		memset(fastest, 0xff, sizeof(fastest));
		for (unsigned int b = 0; b < BATCHES + WARM_UP; b++) {
			u64 sums[NR_PHASES] = {}, ends[NR_PHASES], start;

			rcu_barrier();
			for (unsigned int done = 0; done < MOST_PENDING; done += count) {
				int ret;

				pos = pos + 2 * count > n ? 0 : pos + count;
				start = ktime_get_ns();
				ret = rb ? rb_pending(&idx, new, order + pos, count, ends) :
					maple_pending(&idx, way, new, order + pos, count, ends);
				if (ret)
					fail("%u pending: %d", count, ret);
				for (unsigned int p = 0; p < NR_PHASES; p++) {
					sums[p] += ends[p] - start;
					start = ends[p];
				}
			}
			for (unsigned int p = 0; b >= WARM_UP && p < NR_PHASES; p++)
				fastest[p] = min(fastest[p], sums[p]);
		}
		for (unsigned int p = 0; p < NR_PHASES; p++)
			pr_info("BENCH phase=%s tree=%s path=%s op=%s n=%u count=%u ns=%llu\n",
				phase_names[p], kind, way->name, new ? "store" : "overwrite", n,
				count, div_u64(fastest[p], roundup(MOST_PENDING, count)));
	}
	empty(&idx);
}

static void measure_all(void)
{
	unsigned int *order = vmalloc_array(MOST_ENTRIES, sizeof(*order));
	struct rnd_state rnd;

	if (!order) {
		fail("no memory");
		return;
	}

	prandom_seed_state(&rnd, 42);
	for (unsigned int n = 10; n <= MOST_ENTRIES && !failed; n *= n == 10 || n == 1000 ? 100 : 10) {
		for (unsigned int i = 0; i < n; i++) {
			unsigned int j = prandom_u32_state(&rnd) % (i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		measure("allocation,RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU, false,
			order, n);
		measure("regular", 0, false, order, n);
		measure("rb", 0, true, order, n);
		if (n != 100000)
			continue;
		measure_pending("allocation,RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU, false,
				order, n);
		measure_pending("regular", 0, false, order, n);
		measure_pending("rb", 0, true, order, n);
	}
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
			mas_init(&pending[i].mas, &mt, i * 2);
			mas_set_range(&pending[i].mas, i * 2, i * 2 + 3);
			if (mas_preallocate(&pending[i].mas, xa_mk_value(1), GFP_KERNEL))
				fail("no memory");
			nodes = pending[i].mas.alloc ? 1 : 0;
			if (pending[i].mas.sheaf)
				nodes = kmem_cache_sheaf_size(pending[i].mas.sheaf);
			most = max(most, nodes);
		}
		pr_info("BENCH pending=%d path=%s bytes=%ld nodes=%u capacity=%u\n", PENDING,
			ways[p].name, slab_bytes() - before, most, cache->sheaf_capacity);
		for (unsigned int i = 0; i < PENDING; i++)
			mas_destroy(&pending[i].mas);
		mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	}

	/* Nothing in use; the sheaves are full. Then without sheaves. */
	mtree_destroy(&mt);
	rcu_barrier();
	before = slab_bytes();
	kmem_cache_shrink(cache);
	pr_info("BENCH idle=%ld capacity=%u\n", before - slab_bytes(),
		cache->sheaf_capacity);
}

static int __init maple_bench(void)
{
	if (!run)
		return 0;

	range_cache = KMEM_CACHE(rb_range, 0);
	if (range_cache)
		measure_all();
	if (!failed)
		memory();
	if (!failed)
		pr_info("BENCH done\n");
	kernel_power_off();	/* UML would start again */
	return 0;
}
late_initcall(maple_bench);
