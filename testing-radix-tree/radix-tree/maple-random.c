// SPDX-License-Identifier: GPL-2.0+
/*
 * Random changes to a maple tree, and random searches in it, checked against a model
 *
 * In RCU mode, the tree also changes during a search.  The writer runs in the thread of
 * the reader, between two of its loads, so that a seed always gives the same run.
 */
#include "generated/autoconf.h"
#include <linux/kernel.h>
#include <linux/rcupdate.h>

static void after_load(void);

#undef rcu_dereference_check
#define rcu_dereference_check(p, cond)	\
	({ typeof(p) __p = rcu_dereference(p); (void)sizeof(cond); after_load(); __p; })

#include "maple-harness.h"

/* Parts are so small that they share nodes, and that the height often changes. */
#define THREADS		6
#define PART		64UL

/* A model of a maple tree: a sorted array of the entries that it should have */
struct range {
	unsigned long index, last;
	void *entry;
};

struct model {
	struct range *range;
	unsigned long nr, max;
};

/* The first range that ends at or after @index */
static unsigned long model_find(const struct model *m, unsigned long index)
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

static void model_store(struct model *m, unsigned long index, unsigned long last,
			void *entry)
{
	unsigned long lo = model_find(m, index), hi = lo, n = 0;
	const struct range *range = m->range;
	struct range new[3];

	while (hi < m->nr && range[hi].index <= last)
		hi++;
	if (lo < hi && range[lo].index < index)
		new[n++] = (struct range){ range[lo].index, index - 1, range[lo].entry };
	if (entry)
		new[n++] = (struct range){ index, last, entry };
	if (lo < hi && range[hi - 1].last > last)
		new[n++] = (struct range){ last + 1, range[hi - 1].last, range[hi - 1].entry };

	if (m->nr + n >= m->max) {
		m->max = (m->nr + n + 1) * 2;
		m->range = realloc(m->range, m->max * sizeof(*m->range));
	}
	memmove(m->range + lo + n, m->range + hi, (m->nr - hi) * sizeof(*m->range));
	memcpy(m->range + lo, new, n * sizeof(*new));
	m->nr += n - (hi - lo);
}

static void model_free(struct model *m)
{
	free(m->range);
	memset(m, 0, sizeof(*m));
}

/* Check that the tree is valid, and has exactly the entries of the model. */
static void check_tree(struct maple_tree *mt, const struct model *m)
{
	const struct range *range = m->range;
	void *entry;

	MA_STATE(mas, mt, 0, 0);

	mtree_lock(mt);
	mt_validate(mt);
	mas_for_each(&mas, entry, ULONG_MAX) {
		CHECK(range < m->range + m->nr && entry == range->entry);
		CHECK(mas.index == range->index && mas.last == range->last);
		range++;
	}
	mtree_unlock(mt);
	CHECK(range == m->range + m->nr);
	CHECK(m->nr || mtree_empty(mt));
}

/* A thread, and the part of the tree that nobody else changes */
struct worker {
	struct maple_tree *mt;
	struct model m;
	struct model kept;		/* what has not changed since see() */
	struct rnd r;
	unsigned long min, max, span;	/* most changes begin below @min + @span */
	unsigned long entries, seen;	/* the number of entries made, now and at see() */
	unsigned long next;		/* for mtree_alloc_cyclic() */
	unsigned long round;
	struct ma_state mas;
	void (*run)(struct worker *w);
	pthread_t thread;
};

static __thread struct worker *reader;

/* All differ.  The low bits decide if an entry can be in the root pointer. */
static void *new_entry(struct worker *w)
{
	return (void *)(MAPLE_RESERVED_RANGE + ++w->entries);
}

/* Often the first or the last index, in particular of a small tree */
static unsigned long random_index(struct worker *w)
{
	unsigned long n = rnd_below(&w->r, 12 + w->span / 8);

	if (!n)
		return w->min;
	return n > 2 ? w->min + rnd_below(&w->r, w->span) : w->max - rnd_below(&w->r, 3);
}

static unsigned long random_last(struct worker *w, unsigned long index)
{
	unsigned long more = rnd_below(&w->r, 1 + rnd_below(&w->r, rnd_below(&w->r, 16) ? 4 : 64));

	return rnd_below(&w->r, 4 + w->span / 4) ? index + min(more, w->max - index) : w->max;
}

/* In the mirror, index i is at ~i, so every search goes upwards. */
static struct range mirror(unsigned long index, unsigned long last, void *entry, bool rev)
{
	return rev ? (struct range){ ~last, ~index, entry } : (struct range){ index, last, entry };
}

/* The range at @index, an entry or a whole gap.  With @rev, both are in the mirror. */
static struct range range_at(const struct model *m, unsigned long index, bool rev)
{
	unsigned long at = model_find(m, rev ? ~index : index);
	const struct range *range = &m->range[at];

	if (at < m->nr && range->index <= (rev ? ~index : index))
		return mirror(range->index, range->last, range->entry, rev);
	return mirror(at ? range[-1].last + 1 : 0, at < m->nr ? range->index - 1 : ULONG_MAX,
		      NULL, rev);
}

static void changed(struct worker *w, unsigned long index, unsigned long last, void *entry)
{
	model_store(&w->m, index, last, entry);
	/* What is left of an entry that was cut does not count as unchanged. */
	model_store(&w->kept, range_at(&w->kept, index, false).index,
		    range_at(&w->kept, last, false).last, NULL);
}

/* The lowest, or with @rev the highest, gap that is large enough */
static int find_gap(const struct worker *w, unsigned long min, unsigned long max,
		    unsigned long size, bool rev, unsigned long *index)
{
	struct range at, limits = mirror(min, max, NULL, rev);
	unsigned long i = limits.index;

	if (!mt_is_alloc(w->mt) || min > max || !size || max - min < size - 1)
		return -EINVAL;
	for (; ; i = at.last + 1) {
		at = range_at(&w->m, i, rev);
		if (!at.entry && min(at.last, limits.last) - i >= size - 1)
			break;
		if (at.last >= limits.last)
			return -EBUSY;
	}
	*index = rev ? ~i - (size - 1) : i;
	return 0;
}

/* Search for a gap, either with a state, or in order to store an entry there. */
static void gap(struct worker *w, struct ma_state *mas)
{
	unsigned long min = random_index(w), max = rnd_below(&w->r, 2) ? w->max : random_index(w);
	unsigned long size = rnd_below(&w->r, 4) ? 1 + rnd_below(&w->r, 4) : random_index(w);
	bool rev = rnd_below(&w->r, 2);
	void *entry = new_entry(w);
	unsigned long index, at;
	int ret = find_gap(w, min, max, size, rev, &index);

	if (mas) {
		CHECK((rev ? mas_empty_area_rev : mas_empty_area)(mas, min, max, size) == ret);
		CHECK(ret != -EBUSY || mas_is_err(mas));
		CHECK(ret || (mas->index == index && mas->last == index + size - 1));
		return;
	}
	CHECK((rev ? mtree_alloc_rrange : mtree_alloc_range)(w->mt, &at, entry, size, min, max,
							     GFP_KERNEL) == ret);
	CHECK(ret || at == index);
	if (!ret)
		changed(w, index, index + size - 1, entry);
}

static void change(struct worker *w)
{
	unsigned long index = random_index(w), last = random_last(w, index), id;
	struct range at = range_at(&w->m, index, false);
	int ret = at.entry || at.last < last ? -EEXIST : 0;
	void *entry = new_entry(w);

	switch (rnd_below(&w->r, 10)) {
	case 0:
		gap(w, NULL);
		return;
	case 1:
		if (mtree_alloc_cyclic(w->mt, &id, entry, index, last, &w->next, GFP_KERNEL) < 0)
			return;
		CHECK(id >= index && id <= last && w->next == id + 1);
		CHECK(!range_at(&w->m, id, false).entry);
		changed(w, id, id, entry);
		return;
	case 2:
		CHECK(mtree_insert_range(w->mt, index, last, entry, GFP_KERNEL) == ret);
		if (ret)
			return;
		break;
	case 3:
		CHECK(mtree_erase(w->mt, index) == at.entry);
		changed(w, at.index, at.last, NULL);
		return;
	case 4:
	case 5:
		entry = NULL;
		fallthrough;
	default:
		CHECK(!mtree_store_range(w->mt, index, last, entry, GFP_KERNEL));
	}
	changed(w, index, last, entry);
}

static void after_load(void)
{
	struct worker *w = reader;

	if (likely(!w) || rnd_below(&w->r, 3))
		return;
	reader = NULL;
	change(w);
	reader = w;
}

/*
 * Searches
 */
enum {
	FIND	= 1,	/* It can return the entry where it starts. */
	GAPS	= 2,	/* It returns gaps, too, but not where it starts. */
	REV	= 4,	/* It goes down. */
	ONE	= 8,	/* It looks at a single index. */
	SIMPLE	= 16,	/* It has no state. */
};

static const struct call {
	const char *name;
	void *(*search)(struct ma_state *mas, unsigned long limit);
	unsigned int flags;
} calls[] = {
	{ "mas_walk", NULL, FIND | ONE },
	{ "mas_find", mas_find, FIND },
	{ "mas_find_range", mas_find_range, FIND | GAPS },
	{ "mas_find_rev", mas_find_rev, FIND | REV },
	{ "mas_find_range_rev", mas_find_range_rev, FIND | GAPS | REV },
	{ "mas_next", mas_next, 0 },
	{ "mas_next_range", mas_next_range, GAPS },
	{ "mas_prev", mas_prev, REV },
	{ "mas_prev_range", mas_prev_range, GAPS | REV },
	{ "mtree_load", NULL, FIND | ONE | SIMPLE },
	{ "mt_find", NULL, FIND | SIMPLE },
	{ "mt_next", NULL, SIMPLE },
	{ "mt_prev", NULL, REV | SIMPLE },
};

static void *search(const struct call *call, struct ma_state *mas, unsigned long limit)
{
	if (call->search)
		return call->search(mas, limit);
	if (call->flags & ONE)
		return call->flags & SIMPLE ? mtree_load(mas->tree, mas->index) : mas_walk(mas);
	if (call->flags & FIND)
		return mt_find(mas->tree, &mas->index, limit);
	return (call->flags & REV ? mt_prev : mt_next)(mas->tree, mas->index, limit);
}

/* What a search has to find, if the tree is as in the model */
static struct range expect(const struct model *m, struct ma_state *from, unsigned long limit,
			   unsigned int flags)
{
	bool find = flags & FIND, rev = flags & REV;
	bool here = find && from->status != ma_root && !mas_is_active(from);
	unsigned long pos = rev ? ~from->index : from->index;
	unsigned long end = rev ? pos : from->last;
	unsigned long max = rev ? ~limit : limit;
	bool at_limit = end >= max || mas_is_err(from);
	struct range at;

	if (mas_is_underflow(from))
		here = !rev;
	if (mas_is_overflow(from))
		here = find != rev;
	if (find && mas_is_start(from))
		at_limit = pos > max;
	if (find && mas_is_underflow(from))
		at_limit = pos >= max;

	if (!at_limit) {
		at = range_at(m, find && mas_is_paused(from) ? end + 1 : pos, rev);
		if (here && at.entry)
			return at;
		while (at.last < max) {
			at = range_at(m, at.last + 1, rev);
			if (at.entry || flags & GAPS)
				return at;
		}
	}
	return (struct range){ 1, 0, NULL };
}

static void add(struct model *m, const struct model *part)
{
	for (unsigned long i = 0; i < part->nr; i++)
		model_store(m, part->range[i].index, part->range[i].last, part->range[i].entry);
}

/* From here on, the state knows nothing of what the tree was like before. */
static void see(struct worker *w)
{
	w->seen = w->entries;
	w->kept.nr = 0;
	add(&w->kept, &w->m);
}

static void check(struct worker *w, struct range found, struct ma_state *from,
		  unsigned long limit, unsigned int flags, bool raced)
{
	struct range at;

	if (!raced && (w->seen == w->entries || mas_is_start(from) || mas_is_paused(from))) {
		at = expect(&w->m, from, limit, flags);
		CHECK(found.entry == at.entry);
		if (flags & SIMPLE)
			return;
		if (at.entry || (at.index <= at.last && xa_is_node(w->mt->ma_root)))
			CHECK(found.index == at.index && found.last == at.last);
		CHECK(mas_is_err(&w->mas) == mas_is_err(from));
		see(w);
		return;
	}
	/* An entry that has been there all the time must not be missed. */
	at = expect(&w->kept, from, limit, flags & ~GAPS);
	if (at.entry && found.entry != at.entry)
		CHECK(found.last < at.index && (found.entry || flags & GAPS));
	if (raced)
		CHECK(found.entry <= (void *)(MAPLE_RESERVED_RANGE + w->entries));
	else if (found.entry)
		CHECK(found.entry == range_at(&w->m, found.index, flags & REV).entry);
}

static void search_any(struct worker *w, bool race)
{
	const struct call *call = &calls[rnd_below(&w->r, ARRAY_SIZE(calls))];
	unsigned long limit = rnd_below(&w->r, 4) ? random_index(w) : w->mas.last;
	struct ma_state from, own, *mas = call->flags & SIMPLE ? &own : &w->mas;
	unsigned long entries = w->entries;
	void *entry;

	mas_init(&own, w->mt, random_index(w));
	from = *mas;
	if (call->flags & ONE) {
		from.status = ma_start;
		limit = from.index;
	}
	snprintf(context, sizeof(context), "round %lu, %s(%lx), state %d at %lx-%lx", w->round,
		 call->name, limit, mas->status, mas->index, mas->last);
	reader = race ? w : NULL;
	entry = search(call, mas, limit);
	reader = NULL;
	check(w, mirror(mas->index, mas->last, entry, call->flags & REV), &from, limit,
	      call->flags, entries != w->entries);
}

static void store_or_erase(struct worker *w)
{
	bool erase = !rnd_below(&w->r, 3);
	void *entry = !erase && rnd_below(&w->r, 2) ? new_entry(w) : NULL, *was;
	unsigned long index = random_index(w), last = random_last(w, index);
	struct ma_state *mas = &w->mas;
	struct range at;

	if (rnd_below(&w->r, 2))
		mas_set_range(mas, index, last);
	at = range_at(&w->m, mas->index, false);
	index = erase ? at.index : mas->index;
	last = erase ? at.last : mas->last;
	mas_lock(mas);
	do {
		was = erase ? mas_erase(mas) : mas_store(mas, entry);
	} while (mas_nomem(mas, GFP_KERNEL));
	mas_unlock(mas);
	CHECK(!mas_is_err(mas) && (was == at.entry || (!at.entry && !erase)));
	/* mas_find() continues after the new entry. */
	CHECK(!entry || (mas->index == index && mas->last == last && !mas_is_start(mas)));
	changed(w, index, last, entry);
}

/* A sequence of calls.  Others change the tree after mas_pause(), or at any time in RCU mode. */
static void iterate(struct worker *w)
{
	bool rcu = mt_in_rcu(w->mt) && rnd_below(&w->r, 2);
	struct ma_state *mas = &w->mas;

	see(w);
	mas_init(mas, w->mt, random_index(w));
	rcu_read_lock();
	for (int calls = rnd_below(&w->r, 20); calls; calls--) {
		unsigned long n = rnd_below(&w->r, rcu ? 11 : 14);

		if (n == 0)
			mas_set(mas, random_index(w));
		else if (n == 1)
			mas_reset(mas);
		else if (n <= 3 && !rcu)
			mas_pause(mas);
		else if (n <= 10)
			search_any(w, rcu);
		else if (n <= 12)
			store_or_erase(w);
		else if (mt_is_alloc(w->mt))
			gap(w, mas);
		if (!rcu)
			see(w);
		if (n == 2 || n == 3)
			change(w);
	}
	rcu_read_unlock();
}

/*
 * Reservations
 */
static const struct tree_kind reserve_kinds[] = {
	{ "regular", 0 },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
	{ "external lock", MT_FLAGS_LOCK_EXTERN },
	{ "external lock, allocation, RCU",
	  MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

KUNIT_ARRAY_PARAM(reserve_kinds, reserve_kinds, tree_kind_desc);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;	/* the external lock */

static void lock(struct maple_tree *mt)
{
	if (mt_external_lock(mt))
		pthread_mutex_lock(&mutex);
	else
		mtree_lock(mt);
}

static void unlock(struct maple_tree *mt)
{
	if (mt_external_lock(mt))
		pthread_mutex_unlock(&mutex);
	else
		mtree_unlock(mt);
}

/* Store from the reservation alone. */
static void store_reserved(struct worker *w, struct ma_state *mas, unsigned long index,
			   unsigned long last, void *entry)
{
	/* Not by mas_set_range(): the state stays where it is. */
	mas->index = index;
	mas->last = last;
	kmem_cache_refuse = true;
	CHECK(!mas_store_prealloc(mas, entry));
	CHECK(!entry || (mas->index == index && mas->last == last));
	changed(w, index, last, entry);
}

static void store_gfp(struct worker *w)
{
	unsigned long index = random_index(w), last = random_last(w, index);
	void *entry = rnd_below(&w->r, 3) ? new_entry(w) : NULL;

	MA_STATE(mas, w->mt, index, last);

	lock(w->mt);
	CHECK(!mas_store_gfp(&mas, entry, GFP_KERNEL));
	unlock(w->mt);
	changed(w, index, last, entry);
}

/* The tree may change between reservation and store, and the state may move. */
static void reserve(struct worker *w)
{
	unsigned long index = random_index(w), last = random_last(w, index);

	MA_STATE(mas, w->mt, 0, 0);

	CHECK(!mas_reserve(&mas, GFP_KERNEL));
	for (int others = rnd_below(&w->r, 4); others; others--)
		store_gfp(w);
	if (rnd_below(&w->r, 16)) {
		lock(w->mt);
		if (rnd_below(&w->r, 2))
			mas_find(&mas, ULONG_MAX);
		store_reserved(w, &mas, index, last, rnd_below(&w->r, 3) ? new_entry(w) : NULL);
		kmem_cache_refuse = false;
		unlock(w->mt);
	}
	mas_destroy(&mas);
}

/* Map over mappings, as for drm_gpuvm: prev and next keep their ranges, and need no nodes. */
static void remap(struct worker *w)
{
	unsigned long index = random_index(w), last = random_last(w, index);
	struct range prev = range_at(&w->m, index, false), next = range_at(&w->m, last, false);

	MA_STATE(mas, w->mt, 0, 0);

	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	mtree_lock(w->mt);
	store_reserved(w, &mas, index, last, new_entry(w));
	if (prev.index < index)
		store_reserved(w, &mas, prev.index, index - 1, new_entry(w));
	if (next.last > last)
		store_reserved(w, &mas, last + 1, next.last, new_entry(w));
	mtree_unlock(w->mt);
}

/* All indexes are mapped all the time, for readers without the lock. */
static void look_up(struct worker *w)
{
	MA_STATE(mas, w->mt, 0, 0);

	rcu_read_lock();
	for (int i = 0; i < 8; i++) {
		mas_set(&mas, rnd_below(&w->r, PART));
		CHECK(mas_walk(&mas));
	}
	rcu_read_unlock();
}

static void remap_or_look_up(struct worker *w)
{
	if (!w->min)
		remap(w);
	else if (mt_in_rcu(w->mt))
		look_up(w);
}

/* Small trees have the special cases, and start empty.  Large ones start filled. */
static void new_tree(struct worker *w)
{
	struct maple_tree new;

	check_tree(w->mt, &w->m);
	mt_init_flags(&new, w->mt->ma_flags & (MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU));
	CHECK(!__mt_dup(w->mt, &new, GFP_KERNEL));
	check_tree(&new, &w->m);
	mtree_destroy(&new);

	mtree_destroy(w->mt);
	w->m.nr = 0;
	w->span = 2UL << rnd_below(&w->r, 1 + rnd_below(&w->r, 11));
	for (unsigned long i = 16; i < w->span; i++)
		change(w);
}

static void *work(void *data)
{
	struct worker *w = data;
	/* A reservation takes much longer than a change. */
	unsigned long nr = w->run == change || w->run == iterate ? rounds : rounds / 8;

	rcu_register_thread();
	for (w->round = 0; w->round < nr; w->round++) {
		snprintf(context, sizeof(context), "round %lu", w->round);
		if (w->max == ULONG_MAX && !mt_external_lock(w->mt) && !(w->round % 16))
			new_tree(w);
		w->run(w);
	}
	model_free(&w->kept);
	rcu_unregister_thread();
	return NULL;
}

static void run(struct kunit *test, void (*run)(struct worker *w), int threads)
{
	const struct tree_kind *kind = test->param_value;
	struct worker workers[THREADS] = {}, *w;
	struct maple_tree mt = {};
	struct model m = {};

	mt_init_flags(&mt, kind->flags);
	for (w = workers; w < workers + threads; w++) {
		w->mt = &mt;
		w->r = rnd_seed(seed * THREADS + (w - workers));
		w->min = (w - workers) * PART;
		w->max = threads > 1 ? w->min + PART - 1 : ULONG_MAX;
		w->span = PART;
		w->run = run;
		if (run == remap_or_look_up && w == workers) {
			CHECK(!mtree_store_range(&mt, 0, PART - 1, w, GFP_KERNEL));
			changed(w, 0, PART - 1, w);
		}
		CHECK(!pthread_create(&w->thread, NULL, work, w));
	}
	for (w = workers; w < workers + threads; w++) {
		pthread_join(w->thread, NULL);
		add(&m, &w->m);
		model_free(&w->m);
	}
	check_tree(&mt, &m);
	mtree_destroy(&mt);
	model_free(&m);
	rcu_barrier();
	CHECK(!nodes_allocated());
}

static void changes(struct kunit *test)
{
	run(test, change, 1);
}

/* GFP_NOWAIT always fails here, so every allocation drops the lock. */
static void threads(struct kunit *test)
{
	run(test, change, THREADS);
}

static void iteration(struct kunit *test)
{
	run(test, iterate, 1);
}

static void reservation(struct kunit *test)
{
	run(test, reserve, 1);
}

static void reservation_threads(struct kunit *test)
{
	run(test, reserve, THREADS);
}

static void remaps(struct kunit *test)
{
	run(test, remap_or_look_up, 3);
}

static struct kunit_case cases[] = {
	TREE_CASE(changes), TREE_CASE(threads), TREE_CASE(iteration),
	KUNIT_CASE_PARAM(reservation, reserve_kinds_gen_params),
	KUNIT_CASE_PARAM(reservation_threads, reserve_kinds_gen_params),
	TREE_CASE(remaps), {}
};

static struct kunit_suite suite = { .name = "maple_random", .test_cases = cases };

int main(int argc, char **argv)
{
	return run_suite(argc, argv, &suite, 20000);
}
