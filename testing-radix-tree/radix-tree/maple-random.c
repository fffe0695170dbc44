// SPDX-License-Identifier: GPL-2.0+
/*
 * Random changes to a maple tree, and iteration over it, through the normal API,
 * checked against a model.
 *
 * In RCU mode, a bad change may only show when its nodes are freed.  To find the
 * change, run the failing seed again with a GRACE of 1.
 */
#define ROUNDS	20000

#include "generated/autoconf.h"
#include <linux/kernel.h>
#include <linux/rcupdate.h>

/* Lets a writer replace what a reader has loaded, before the reader uses it. */
static void after_load(void);
#undef rcu_dereference_check
#define rcu_dereference_check(p, cond)					\
({									\
	typeof(p) __loaded = rcu_dereference(p);			\
									\
	(void)sizeof(cond);						\
	after_load();							\
	__loaded;							\
})

#include "maple-model.h"

#define GRACE	256	/* rounds between waits for a grace period */

enum op {
	OP_STORE,
	OP_INSERT,
	OP_ERASE,
	OP_DUP,
	OP_DESTROY,
	NR_OPS
};

static const char * const op_names[NR_OPS] = {
	"store", "insert", "erase", "dup", "destroy",
};

static enum op random_op(struct rnd *r)
{
	unsigned long i = rnd_below(r, 1000);

	if (i == 0)
		return OP_DESTROY;
	if (i <= 10)
		return OP_DUP;
	if (i < 150)
		return OP_INSERT;
	if (i < 350)
		return OP_ERASE;
	return OP_STORE;
}

/* Destroying the copy also tests mtree_destroy() with trees of all shapes. */
static void duplicate(struct maple_tree *mt, const struct model *m)
{
	struct maple_tree new;

	mt_init_flags(&new, mt->ma_flags & (MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU));
	CHECK(!__mt_dup(mt, &new, GFP_KERNEL));
	check_tree(&new, m);
	mtree_destroy(&new);
}

/*
 * Make one change in [@min, @max].  No other thread changes this range, and no entry
 * crosses its bounds.  Only with @alone may the change affect the whole tree.
 */
static enum op change(struct maple_tree *mt, struct model *m, struct rnd *r,
		      unsigned long min, unsigned long max, bool large,
		      bool alone)
{
	enum op op = random_op(r);
	struct range range;
	unsigned long at;

	random_range(r, &range, large);
	if (!alone) {
		if (op == OP_DESTROY || op == OP_DUP)
			op = OP_ERASE;
		range.index = min + range.index % (max - min + 1);
		range.last = range.last < range.index ? range.index :
			     min(range.last, max);
		if (!rnd_below(r, 300)) {
			range.index = min;
			range.last = max;
			range.entry = NULL;
		}
	}

	at = model_find(m, range.index);
	switch (op) {
	case OP_STORE:
		CHECK(!mtree_store_range(mt, range.index, range.last,
					 range.entry, GFP_KERNEL));
		model_store(m, range.index, range.last, range.entry);
		break;
	case OP_INSERT:
		if (at < m->nr && m->range[at].index <= range.last) {
			CHECK(mtree_insert_range(mt, range.index, range.last, r,
						 GFP_KERNEL) == -EEXIST);
			break;
		}
		CHECK(!mtree_insert_range(mt, range.index, range.last, r,
					  GFP_KERNEL));
		model_store(m, range.index, range.last, r);
		break;
	case OP_ERASE:
		/* Mostly erase an entry that exists. */
		if (at < m->nr && rnd_below(r, 8))
			range.index = m->range[at].index;
		if (at == m->nr || m->range[at].index > range.index) {
			CHECK(!mtree_erase(mt, range.index));
			break;
		}
		CHECK(mtree_erase(mt, range.index) == m->range[at].entry);
		model_store(m, m->range[at].index, m->range[at].last, NULL);
		break;
	case OP_DUP:
		duplicate(mt, m);
		break;
	case OP_DESTROY:
		mtree_destroy(mt);
		m->nr = 0;
		break;
	case NR_OPS:
		break;
	}
	return op;
}

static void check_alone(const struct tree_kind *kind)
{
	unsigned long seen[NR_OPS] = {};
	struct rnd r = rnd_seed(seed);
	unsigned int height = 0;
	struct maple_tree mt;
	struct model m;

	setup(&mt, &m, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		snprintf(context, sizeof(context), "round %lu", i);
		seen[change(&mt, &m, &r, 0, ULONG_MAX, i % 5000 >= 4000,
			    true)]++;
		height = max(height, mt_height(&mt));
		if (!(i % GRACE))
			check_all(&mt, &m);
		else if (!(i % 16))
			check_tree(&mt, &m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);

	printf("  height %u", height);
	for (int op = 0; op < NR_OPS; op++)
		printf(", %lu %s", seen[op], op_names[op]);
	printf("\n");
}

/*
 * Each thread changes its own part of the tree.  GFP_NOWAIT always fails here, so
 * every allocation drops the lock.
 */
#define THREADS	6
#define PART	4096UL

struct worker {
	pthread_t thread;
	struct maple_tree *mt;
	struct model m;
	unsigned long id;
};

static void *work(void *data)
{
	struct worker *w = data;
	struct rnd r = rnd_seed(seed * 16 + w->id);
	unsigned long min = w->id * PART;

	rcu_register_thread();
	snprintf(context, sizeof(context), "thread %lu", w->id);
	for (unsigned long i = 0; i < rounds; i++)
		change(w->mt, &w->m, &r, min, min + PART - 1, !(i % 10), false);
	rcu_unregister_thread();
	return NULL;
}

static void check_threads(const struct tree_kind *kind)
{
	struct worker workers[THREADS] = {};
	struct maple_tree mt;
	struct model m;

	setup(&mt, &m, kind);
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->id = i;
		w->mt = &mt;
		CHECK(!pthread_create(&w->thread, NULL, work, w));
	}
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		pthread_join(w->thread, NULL);
		model_add(&m, &w->m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);
}

/*
 * Sequences of calls on one state
 *
 * The result of a call depends on the status and the range of the state before the
 * call, see expect_*().  A writer can change the tree during a call.  After that, a
 * call is only sure to find what has not changed since the sequence began.
 */
enum call_type {
	CALL_WALK,
	CALL_LOAD,
	CALL_FIND,
	CALL_FIND_RANGE,
	CALL_NEXT,
	CALL_NEXT_RANGE,
	CALL_MT_FIND,
	CALL_MT_FIND_AFTER,
	CALL_MT_NEXT,
	CALL_FIND_REV,
	CALL_FIND_RANGE_REV,
	CALL_PREV,
	CALL_PREV_RANGE,
	CALL_MT_PREV,
	NR_SEARCHES,
	CALL_SET = NR_SEARCHES,
	CALL_PAUSE,
	CALL_RESET,
	NR_READER_CALLS,
	CALL_SET_RANGE = NR_READER_CALLS,
	CALL_STORE,
	CALL_STORE_GFP,
	CALL_ERASE,
	NR_CALLS,
	CALL_EMPTY_AREA = NR_CALLS,
	CALL_EMPTY_AREA_REV,
	NR_GAP_CALLS,
};

static const char * const call_names[NR_GAP_CALLS] = {
	"mas_walk", "mtree_load", "mas_find", "mas_find_range", "mas_next",
	"mas_next_range", "mt_find", "mt_find_after", "mt_next", "mas_find_rev",
	"mas_find_range_rev", "mas_prev", "mas_prev_range", "mt_prev", "mas_set",
	"mas_pause", "mas_reset", "mas_set_range", "mas_store", "mas_store_gfp",
	"mas_erase", "mas_empty_area", "mas_empty_area_rev",
};

static const char * const status_names[] = {
	[ma_active] = "active", [ma_start] = "start", [ma_root] = "root",
	[ma_none] = "none", [ma_pause] = "pause", [ma_overflow] = "overflow",
	[ma_underflow] = "underflow", [ma_error] = "error",
};

/* A tree, its model, and the state under test */
struct iter {
	struct maple_tree *mt;
	struct model m;
	struct rnd r;
	struct ma_state mas;
	unsigned long span;	/* indexes are below this, or close to ULONG_MAX */
	unsigned long entries;	/* made so far; each one is unique */
	struct range *log;	/* what writers changed in this sequence */
	unsigned long logged;
	unsigned long log_max;
	unsigned long before_call;	/* @logged before the current call */
	bool stale;	/* the tree has changed since the state was set */
	unsigned int loads;	/* left until the writer runs, 0 for never */
	unsigned long round;
	unsigned long next;	/* for mtree_alloc_cyclic() */
	bool wrapped;
};

/* A call that searches, the state before it, and what it found */
struct search {
	enum call_type call;
	unsigned long limit;
	struct ma_state from;
	struct range found;
};

/* The iteration that after_load() interrupts with a writer */
static struct iter *reader;

static const struct range *model_at(const struct model *m, unsigned long index)
{
	unsigned long at = model_find(m, index);

	if (at == m->nr || m->range[at].index > index)
		return NULL;
	return &m->range[at];
}

/* The entry at or after @index that begins at or before @max */
static const struct range *model_up(const struct model *m, unsigned long index,
				    unsigned long max)
{
	unsigned long at = model_find(m, index);

	if (at == m->nr || m->range[at].index > max)
		return NULL;
	return &m->range[at];
}

/* The entry at or before @index that ends at or after @min */
static const struct range *model_down(const struct model *m, unsigned long index,
				      unsigned long min)
{
	unsigned long at = model_find(m, index);

	if (at == m->nr || m->range[at].index > index) {
		if (!at)
			return NULL;
		at--;
	}
	return m->range[at].last < min ? NULL : &m->range[at];
}

/* The range at @index: an entry or a whole gap */
static struct range model_range(const struct model *m, unsigned long index)
{
	unsigned long at = model_find(m, index);
	struct range gap = { 0, ULONG_MAX, NULL };

	if (at < m->nr && m->range[at].index <= index)
		return m->range[at];
	if (at)
		gap.index = m->range[at - 1].last + 1;
	if (at < m->nr)
		gap.last = m->range[at].index - 1;
	return gap;
}

/* The entry after the range at @index, or NULL for a gap that a @range call finds */
static const struct range *step_up(const struct model *m, unsigned long index,
				   unsigned long max, bool range)
{
	unsigned long last = model_range(m, index).last;

	if (last >= max)
		return NULL;
	return range ? model_at(m, last + 1) : model_up(m, last + 1, max);
}

static const struct range *step_down(const struct model *m, unsigned long index,
				     unsigned long min, bool range)
{
	unsigned long first = model_range(m, index).index;

	if (first <= min)
		return NULL;
	return range ? model_at(m, first - 1) : model_down(m, first - 1, min);
}

static const struct range *expect_next(const struct model *m,
				       const struct ma_state *mas,
				       unsigned long max, bool range)
{
	const struct range *at = model_at(m, mas->index);

	if (mas->last >= max || mas->status == ma_error)
		return NULL;
	if (mas->status == ma_underflow && at)
		return at;
	return step_up(m, mas->index, max, range);
}

static const struct range *expect_prev(const struct model *m,
				       const struct ma_state *mas,
				       unsigned long min, bool range)
{
	const struct range *at = model_at(m, mas->index);

	if (mas->index <= min || mas->status == ma_error)
		return NULL;
	if (mas->status == ma_overflow && at)
		return at;
	return step_down(m, mas->index, min, range);
}

static const struct range *expect_find(const struct model *m,
				       const struct ma_state *mas,
				       unsigned long max, bool range)
{
	switch (mas->status) {
	case ma_start:
		return mas->index > max ? NULL : model_up(m, mas->index, max);
	case ma_pause:
		return mas->last >= max ? NULL : model_up(m, mas->last + 1, max);
	case ma_none:
		return mas->last >= max ? NULL : model_up(m, mas->last, max);
	case ma_underflow:
		return mas->index >= max ? NULL : model_up(m, mas->index, max);
	case ma_overflow:
		return mas->last >= max ? NULL : model_up(m, mas->index, max);
	case ma_error:
		return NULL;
	default:
		return step_up(m, mas->index, max, range);
	}
}

static const struct range *expect_find_rev(const struct model *m,
					   const struct ma_state *mas,
					   unsigned long min, bool range)
{
	switch (mas->status) {
	case ma_start:
		return mas->index < min ? NULL : model_down(m, mas->index, min);
	case ma_pause:
		return mas->index <= min ? NULL :
					   model_down(m, mas->index - 1, min);
	case ma_none:
		return mas->index <= min ? NULL : model_down(m, mas->index, min);
	case ma_error:
		return NULL;
	default:
		return step_down(m, mas->index, min, range);
	}
}

/* mtree_load() and mt_find() do not return the zero entry. */
static const struct range *expect_mt_find(const struct model *m,
					  unsigned long index, unsigned long max)
{
	const struct range *e = index > max ? NULL : model_up(m, index, max);

	while (e && xa_is_zero(e->entry))
		e = e->last < max ? model_up(m, e->last + 1, max) : NULL;
	return e;
}

/* What @s has to find if nobody else changes the tree */
static const struct range *expect(const struct model *m, const struct search *s)
{
	const struct ma_state *mas = &s->from;

	switch (s->call) {
	case CALL_WALK:
		return model_at(m, mas->index);
	case CALL_LOAD:
		return expect_mt_find(m, mas->index, mas->index);
	case CALL_FIND:
	case CALL_FIND_RANGE:
		return expect_find(m, mas, s->limit, s->call == CALL_FIND_RANGE);
	case CALL_NEXT:
	case CALL_NEXT_RANGE:
	case CALL_MT_NEXT:
		return expect_next(m, mas, s->limit, s->call == CALL_NEXT_RANGE);
	case CALL_MT_FIND_AFTER:
		if (!mas->index)
			return NULL;
		fallthrough;
	case CALL_MT_FIND:
		return expect_mt_find(m, mas->index, s->limit);
	case CALL_FIND_REV:
	case CALL_FIND_RANGE_REV:
		return expect_find_rev(m, mas, s->limit,
				       s->call == CALL_FIND_RANGE_REV);
	default:
		return expect_prev(m, mas, s->limit, s->call == CALL_PREV_RANGE);
	}
}

static void *search(struct ma_state *mas, const struct search *s,
		    unsigned long *index)
{
	struct maple_tree *mt = mas->tree;

	switch (s->call) {
	case CALL_WALK:
		return mas_walk(mas);
	case CALL_LOAD:
		return mtree_load(mt, *index);
	case CALL_FIND:
		return mas_find(mas, s->limit);
	case CALL_FIND_RANGE:
		return mas_find_range(mas, s->limit);
	case CALL_NEXT:
		return mas_next(mas, s->limit);
	case CALL_NEXT_RANGE:
		return mas_next_range(mas, s->limit);
	case CALL_MT_FIND:
		return mt_find(mt, index, s->limit);
	case CALL_MT_FIND_AFTER:
		return mt_find_after(mt, index, s->limit);
	case CALL_MT_NEXT:
		return mt_next(mt, *index, s->limit);
	case CALL_FIND_REV:
		return mas_find_rev(mas, s->limit);
	case CALL_FIND_RANGE_REV:
		return mas_find_range_rev(mas, s->limit);
	case CALL_PREV:
		return mas_prev(mas, s->limit);
	case CALL_PREV_RANGE:
		return mas_prev_range(mas, s->limit);
	default:
		return mt_prev(mt, *index, s->limit);
	}
}

static bool has_state(enum call_type call)
{
	return call != CALL_LOAD && call != CALL_MT_FIND &&
	       call != CALL_MT_FIND_AFTER && call != CALL_MT_NEXT &&
	       call != CALL_MT_PREV;
}

static bool goes_down(enum call_type call)
{
	return call >= CALL_FIND_REV;
}

static bool is_range(enum call_type call)
{
	return call == CALL_FIND_RANGE || call == CALL_NEXT_RANGE ||
	       call == CALL_FIND_RANGE_REV || call == CALL_PREV_RANGE;
}

/* Returns true if a writer has stored or removed @entry, or a part of it. */
static bool was_logged(const struct iter *it, unsigned long from, void *entry)
{
	for (unsigned long i = from; i < it->logged; i++)
		if (it->log[i].entry == entry)
			return true;
	return false;
}

/* Check that no entry in [@first, @last] was there, unchanged, all the time. */
static void check_skipped(const struct iter *it, unsigned long first,
			  unsigned long last)
{
	const struct model *m = &it->m;

	if (first > last)
		return;
	for (unsigned long at = model_find(m, first); at < m->nr; at++) {
		if (m->range[at].index > last)
			break;
		CHECK(was_logged(it, 0, m->range[at].entry));
	}
}

static bool is_step(enum call_type call)
{
	return call == CALL_NEXT || call == CALL_NEXT_RANGE ||
	       call == CALL_MT_NEXT || call == CALL_PREV ||
	       call == CALL_PREV_RANGE || call == CALL_MT_PREV;
}

static bool moved(const struct iter *it, const struct search *s)
{
	return it->mas.index != s->from.index || it->mas.last != s->from.last;
}

/*
 * A call must not skip any entry before the one that it returns.  If it returns
 * none, it must not skip any up to its limit, or up to where it has moved.
 */
static void check_passed_up(const struct iter *it, const struct search *s)
{
	const struct ma_state *mas = &it->mas;
	const struct range *at = model_at(&it->m, s->from.index);
	unsigned long first = s->from.index;
	unsigned long last = s->limit;

	if (s->from.status != ma_start || is_step(s->call)) {
		first = max(s->from.last, at ? at->last : 0);
		if (first++ == ULONG_MAX)
			return;
	}
	if (s->found.entry) {
		if (s->found.index <= first)
			return;
		last = s->found.index - 1;
	} else if (has_state(s->call) && moved(it, s)) {
		if (is_range(s->call) && mas->status == ma_active)
			last = 0;
		last = max(last, mas->last);
	}
	check_skipped(it, first, last);
}

static void check_passed_down(const struct iter *it, const struct search *s)
{
	const struct ma_state *mas = &it->mas;
	const struct range *at = model_at(&it->m, s->from.index);
	unsigned long first = s->limit;
	unsigned long last = s->from.last;

	if (s->from.status != ma_start || is_step(s->call)) {
		last = at ? at->index : s->from.index;
		if (!last--)
			return;
	}
	if (s->found.entry) {
		if (s->found.last >= last)
			return;
		first = s->found.last + 1;
	} else if (has_state(s->call) && moved(it, s)) {
		if (is_range(s->call) && mas->status == ma_active)
			first = ULONG_MAX;
		first = min(first, mas->index);
	}
	check_skipped(it, first, last);
}

static void check_passed(const struct iter *it, const struct search *s)
{
	if (s->from.status == ma_error ||
	    (s->call == CALL_MT_FIND_AFTER && !s->from.index))
		return;
	/* These only look at one index. */
	if (s->call == CALL_WALK || s->call == CALL_LOAD) {
		if (!s->found.entry)
			check_skipped(it, s->from.index, s->from.index);
		return;
	}
	/* The search starts at the first index, but the range can hold more entries. */
	if (s->from.status == ma_start && s->from.index != s->from.last)
		return;
	if (goes_down(s->call))
		check_passed_down(it, s);
	else
		check_passed_up(it, s);
}

/* Can @s have found @e?  It has to be where @s searched and where it left the state. */
static bool can_be_found(const struct search *s, const struct range *e)
{
	const struct range *found = &s->found;

	if (e->entry != found->entry)
		return false;
	if (has_state(s->call) &&
	    (e->last < found->index || e->index > found->last))
		return false;
	if (s->call == CALL_WALK || s->call == CALL_LOAD)
		return e->index <= s->from.index && e->last >= s->from.index;
	if (goes_down(s->call))
		return e->last >= s->limit && e->index <= s->from.last;
	return e->index <= s->limit && e->last >= s->from.index;
}

/* Check that the entry was in the tree at some time during the call. */
static void check_changed(const struct iter *it, const struct search *s)
{
	bool there = was_logged(it, it->before_call, s->found.entry);
	bool can_be = false;

	if (!s->found.entry)
		return;
	CHECK(xa_is_value(s->found.entry));
	for (unsigned long i = 0; i < it->m.nr; i++) {
		there |= it->m.range[i].entry == s->found.entry;
		can_be |= can_be_found(s, &it->m.range[i]);
	}
	for (unsigned long i = 0; i < it->logged; i++)
		can_be |= can_be_found(s, &it->log[i]);
	CHECK(there);
	CHECK(can_be);
}

/* Check where the state is after a search in a tree with nodes has found nothing. */
static void check_left_at(const struct iter *it, const struct search *s)
{
	const struct ma_state *mas = &it->mas;
	struct range gap = model_range(&it->m, mas->index);

	if (moved(it, s))
		CHECK(mas->index == gap.index && mas->last == gap.last);
	if (s->from.status == ma_error)
		return;
	if (s->call == CALL_NEXT)
		CHECK(mas->status == ma_overflow);
	if (s->call == CALL_PREV)
		CHECK(mas->status == ma_underflow);
}

static void check_exact(const struct iter *it, const struct search *s)
{
	const struct range *e = expect(&it->m, s);

	CHECK(s->found.entry == (e ? e->entry : NULL));
	if (!has_state(s->call))
		return;
	if (e)
		CHECK(s->found.index == e->index && s->found.last == e->last);
	else if (xa_is_node(it->mt->ma_root))
		check_left_at(it, s);
}

static void log_change(struct iter *it, unsigned long index, unsigned long last)
{
	const struct model *m = &it->m;

	for (unsigned long at = model_find(m, index); at < m->nr; at++) {
		if (m->range[at].index > last)
			break;
		if (it->logged == it->log_max) {
			it->log_max = it->log_max * 2 + 64;
			it->log = realloc(it->log,
					  it->log_max * sizeof(*it->log));
		}
		it->log[it->logged++] = m->range[at];
	}
}

/* Log what is in the range before and after the change. */
static void change_to(struct iter *it, unsigned long index, unsigned long last,
		      void *entry)
{
	log_change(it, index, last);
	CHECK(!mtree_store_range(it->mt, index, last, entry, GFP_KERNEL));
	model_store(&it->m, index, last, entry);
	CHECK(it->m.nr || mtree_empty(it->mt));
	log_change(it, index, last);
	it->stale = true;
}

static void destroy(struct iter *it)
{
	log_change(it, 0, ULONG_MAX);
	mtree_destroy(it->mt);
	it->m.nr = 0;
	it->stale = true;
	it->wrapped = false;
}

static unsigned long random_index(struct iter *it)
{
	switch (rnd_below(&it->r, 12)) {
	case 0:
		return 0;
	case 1:
		return ULONG_MAX;
	case 2:
		return ULONG_MAX - rnd_below(&it->r, 4);
	default:
		return rnd_below(&it->r, it->span);
	}
}

static unsigned long random_last(struct iter *it, unsigned long index)
{
	unsigned long n = rnd_below(&it->r, 20);

	if (!n)
		return ULONG_MAX;
	if (n < 10)
		return index;
	return index + min(rnd_below(&it->r, it->span / 4 + 2),
			   ULONG_MAX - index);
}

static void *new_entry(struct iter *it)
{
	return value(++it->entries);
}

/* The root is a node, the only entry at 0, or NULL: often change which it is. */
static void change_tree(struct iter *it)
{
	unsigned long n = rnd_below(&it->r, it->span > 16 ? 200 : 10);
	unsigned long index = random_index(it);
	unsigned long last = random_last(it, index);

	switch (n) {
	case 0:
	case 1:
		if (n && rnd_below(&it->r, 2))
			destroy(it);
		else
			change_to(it, 0, ULONG_MAX, NULL);
		if (n)
			change_to(it, 0, 0, new_entry(it));
		break;
	case 2:
		change_to(it, 0, 0, rnd_below(&it->r, 2) ? new_entry(it) : NULL);
		break;
	case 3:
		change_to(it, 0, ULONG_MAX, new_entry(it));
		break;
	case 4:
		change_to(it, 1, ULONG_MAX, NULL);
		break;
	default:
		change_to(it, index, last, n % 3 ? new_entry(it) : NULL);
	}
}

static void after_load(void)
{
	struct iter *it = reader;

	if (likely(!it) || !it->loads || --it->loads)
		return;
	reader = NULL;
	do {
		change_tree(it);
	} while (!rnd_below(&it->r, 4));
	if (rnd_below(&it->r, 2))
		it->loads = 1 + rnd_below(&it->r, 6);
	reader = it;
}

static unsigned long random_limit(struct iter *it)
{
	switch (rnd_below(&it->r, 6)) {
	case 0:
		return 0;
	case 1:
		return ULONG_MAX;
	case 2:
		return it->mas.index;
	case 3:
		return it->mas.last;
	default:
		return random_index(it);
	}
}

static void set_context(const struct iter *it, enum call_type call, unsigned long limit,
			const struct ma_state *mas)
{
	snprintf(context, sizeof(context),
		 "round %lu, %s(%lx) with the state %s at %lx-%lx", it->round,
		 call_names[call], limit, status_names[mas->status], mas->index,
		 mas->last);
}

/* Returns true if nothing that the call relies on can have changed. */
static bool is_exact(const struct iter *it, const struct search *s)
{
	enum maple_status status = s->from.status;

	if (it->logged != it->before_call)
		return false;
	if (!it->stale || s->call == CALL_WALK)
		return true;
	return status == ma_start || status == ma_pause || status == ma_none ||
	       status == ma_error ||
	       ((status == ma_overflow || status == ma_underflow) &&
		!s->from.node);
}

static void call_search(struct iter *it, enum call_type call, unsigned long limit)
{
	struct search s = { .call = call, .limit = limit, .from = it->mas };
	unsigned long index = it->mas.index;
	bool exact;

	if (!has_state(call)) {
		mas_init(&s.from, it->mt, random_index(it));
		index = s.from.index;
		set_context(it, call, limit, &s.from);
	}
	it->before_call = it->logged;
	s.found.entry = search(&it->mas, &s, &index);
	it->loads = 0;
	s.found.index = has_state(call) ? it->mas.index : 0;
	s.found.last = has_state(call) ? it->mas.last : ULONG_MAX;

	exact = is_exact(it, &s);
	if (exact)
		check_exact(it, &s);
	else
		check_changed(it, &s);
	if (has_state(call) || (!exact && !s.found.entry))
		check_passed(it, &s);
	if (has_state(call) && exact)
		it->stale = false;
	/* mt_find() sets the index to continue after what it found. */
	if (call == CALL_MT_FIND || call == CALL_MT_FIND_AFTER)
		CHECK(s.found.entry ? index - 1 >= s.from.index :
				      index == s.from.index);
	else if (!has_state(call))
		CHECK(index == s.from.index);
}

/* mas_store() must return the entry at the first index of its range, if any. */
static void call_store(struct iter *it, enum call_type call)
{
	struct ma_state *mas = &it->mas;
	struct range to = { mas->index, mas->last, NULL };
	const struct range *e = model_at(&it->m, mas->index);
	void *was;

	if (rnd_below(&it->r, 2))
		to.entry = rnd_below(&it->r, 20) ? new_entry(it) : XA_ZERO_ENTRY;
	if (call == CALL_STORE_GFP) {
		CHECK(!mas_store_gfp(mas, to.entry, GFP_KERNEL));
	} else {
		do {
			was = mas_store(mas, to.entry);
		} while (mas_nomem(mas, GFP_KERNEL));
		mas_destroy(mas);
		CHECK(!mas_is_err(mas));
		CHECK(!e || was == e->entry);
	}
	model_store(&it->m, to.index, to.last, to.entry);
	if (!to.entry)
		return;
	/* The state must be at the new entry, or mas_find() would find that again. */
	CHECK(mas->index == to.index && mas->last == to.last);
	CHECK(!mas_is_start(mas));
}

static void call_erase(struct iter *it)
{
	const struct range *e = model_at(&it->m, it->mas.index);

	CHECK(mas_erase(&it->mas) == (e ? e->entry : NULL));
	if (!e)
		return;
	CHECK(it->mas.index <= e->index && it->mas.last >= e->last);
	model_store(&it->m, e->index, e->last, NULL);
}

/* The lowest, or with @rev the highest, gap of @size in [@min, @max] */
static bool model_gap(const struct model *m, unsigned long min, unsigned long max,
		      unsigned long size, bool rev, unsigned long *index)
{
	struct range gap;

	do {
		gap = model_range(m, rev ? max : min);
		if (!gap.entry) {
			gap.index = max(gap.index, min);
			gap.last = min(gap.last, max);
			if (gap.last - gap.index >= size - 1) {
				*index = rev ? gap.last - (size - 1) : gap.index;
				return true;
			}
		}
		if (rev ? gap.index <= min : gap.last >= max)
			return false;
		if (rev)
			max = gap.index - 1;
		else
			min = gap.last + 1;
	} while (true);
}

static int expect_gap(const struct model *m, unsigned long min, unsigned long max,
		      unsigned long size, bool rev, unsigned long *index)
{
	if (min > max || !size || max - min < size - 1)
		return -EINVAL;
	return model_gap(m, min, max, size, rev, index) ? 0 : -EBUSY;
}

struct gap_args {
	unsigned long min;
	unsigned long max;
	unsigned long size;
};

static struct gap_args random_gap(struct iter *it)
{
	struct gap_args args;

	args.min = rnd_below(&it->r, 3) ? random_index(it) : 0;
	args.max = rnd_below(&it->r, 3) ? random_index(it) : ULONG_MAX;
	args.size = 1 + rnd_below(&it->r, 4);
	if (!rnd_below(&it->r, 3))
		args.size = rnd_below(&it->r, it->span);
	else if (!rnd_below(&it->r, 6))
		args.size = random_index(it);
	if (args.min > args.max && rnd_below(&it->r, 8))
		args.max = args.min + rnd_below(&it->r, ULONG_MAX - args.min + 1);
	return args;
}

static void add_context(const char *name, const struct gap_args *args)
{
	size_t len = strlen(context);

	snprintf(context + len, sizeof(context) - len, ", %s %lx-%lx, size %lx",
		 name, args->min, args->max, args->size);
}

static void call_empty_area(struct iter *it, enum call_type call)
{
	struct gap_args args = random_gap(it);
	struct ma_state *mas = &it->mas;
	struct ma_state from = *mas;
	bool rev = call == CALL_EMPTY_AREA_REV;
	unsigned long index;
	int ret = expect_gap(&it->m, args.min, args.max, args.size, rev, &index);

	add_context("gap", &args);
	if (rev)
		CHECK(mas_empty_area_rev(mas, args.min, args.max, args.size) == ret);
	else
		CHECK(mas_empty_area(mas, args.min, args.max, args.size) == ret);
	if (!ret)
		CHECK(mas->index == index && mas->last == index + args.size - 1);
	else if (ret == -EBUSY)
		CHECK(mas_is_err(mas));
	else
		CHECK(mas->status == from.status && mas->index == from.index &&
		      mas->last == from.last);
}

static void alloc(struct iter *it, bool rev)
{
	struct gap_args args = random_gap(it);
	unsigned long index, start;
	void *entry = new_entry(it);
	int ret = expect_gap(&it->m, args.min, args.max, args.size, rev, &index);

	snprintf(context, sizeof(context), "round %lu", it->round);
	add_context(rev ? "mtree_alloc_rrange" : "mtree_alloc_range", &args);
	if (rev)
		CHECK(mtree_alloc_rrange(it->mt, &start, entry, args.size, args.min,
					 args.max, GFP_KERNEL) == ret);
	else
		CHECK(mtree_alloc_range(it->mt, &start, entry, args.size, args.min,
					args.max, GFP_KERNEL) == ret);
	if (ret)
		return;
	CHECK(start == index);
	model_store(&it->m, index, index + args.size - 1, entry);
}

static void alloc_cyclic(struct iter *it)
{
	unsigned long lo = random_index(it);
	unsigned long hi = random_last(it, lo);
	unsigned long index, start;
	bool again = false;
	int ret;

	ret = expect_gap(&it->m, max(lo, it->next), hi, 1, false, &index);
	if (ret && it->next > lo) {
		again = true;
		ret = expect_gap(&it->m, lo, hi, 1, false, &index);
	}
	if (!ret)
		ret = again || it->wrapped;
	snprintf(context, sizeof(context),
		 "round %lu, mtree_alloc_cyclic %lx-%lx, next %lx", it->round, lo, hi,
		 it->next);
	CHECK(mtree_alloc_cyclic(it->mt, &start, new_entry(it), lo, hi, &it->next,
				 GFP_KERNEL) == ret);
	if (ret < 0)
		return;
	CHECK(start == index && it->next == index + 1);
	it->wrapped = !it->next;
	model_store(&it->m, index, index, value(it->entries));
}

/* Small trees have the special cases, so most sequences use one. */
static void new_tree(struct iter *it)
{
	static const unsigned long spans[] = { 2, 4, 4, 8, 8, 16, 64, 2048 };

	it->span = spans[rnd_below(&it->r, ARRAY_SIZE(spans))];
	change_to(it, 0, ULONG_MAX, NULL);
	for (unsigned long i = 0; it->span > 16 && i < it->span / 3; i++)
		change_tree(it);
}

static void call_any(struct iter *it, enum call_type call)
{
	unsigned long limit = random_limit(it);

	set_context(it, call, limit, &it->mas);
	switch (call) {
	case CALL_SET:
		mas_set(&it->mas, random_index(it));
		break;
	case CALL_SET_RANGE:
		limit = random_index(it);
		mas_set_range(&it->mas, limit, random_last(it, limit));
		break;
	case CALL_PAUSE:
		mas_pause(&it->mas);
		break;
	case CALL_RESET:
		mas_reset(&it->mas);
		break;
	case CALL_STORE:
	case CALL_STORE_GFP:
		call_store(it, call);
		break;
	case CALL_ERASE:
		call_erase(it);
		break;
	case CALL_EMPTY_AREA:
	case CALL_EMPTY_AREA_REV:
		call_empty_area(it, call);
		break;
	default:
		call_search(it, call, limit);
	}
}

static void check_sometimes(struct iter *it, unsigned long round)
{
	it->round = round;
	snprintf(context, sizeof(context), "round %lu", round);
	it->logged = 0;
	if (!(round % GRACE)) {
		check_all(it->mt, &it->m);
		duplicate(it->mt, &it->m);
		new_tree(it);
	} else if (!(round % 16)) {
		check_tree(it->mt, &it->m);
	}
}

static void start_iter(struct iter *it, struct maple_tree *mt,
		       const struct tree_kind *kind)
{
	memset(it, 0, sizeof(*it));
	it->r = rnd_seed(seed);
	it->mt = mt;
	setup(mt, &it->m, kind);
}

static void end_iter(struct iter *it)
{
	check_all(it->mt, &it->m);
	teardown(it->mt, &it->m);
	free(it->log);
}

/* Start with a new state: earlier changes no longer matter. */
static void start_sequence(struct iter *it)
{
	it->logged = 0;
	it->stale = false;
	mas_init(&it->mas, it->mt, random_index(it));
}

/* Under the lock, so that the state can also be used to change the tree. */
static void check_iteration(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct iter it;

	start_iter(&it, &mt, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		check_sometimes(&it, i);
		change_tree(&it);
		start_sequence(&it);
		mtree_lock(&mt);
		for (int calls = rnd_below(&it.r, 20); calls >= 0; calls--)
			call_any(&it, rnd_below(&it.r, NR_CALLS));
		mtree_unlock(&mt);
	}
	end_iter(&it);
}

/* Maybe run the writer at one of the first loads of the next call. */
static void arm_writer(struct iter *it)
{
	if (!rnd_below(&it->r, 2))
		return;
	it->loads = 1 + rnd_below(&it->r, 1 + rnd_below(&it->r, 6));
	reader = it;
}

/*
 * A writer changes the tree between the calls of a reader.  In RCU mode, readers
 * need no lock, so the writer also runs between two loads of one call.  Otherwise,
 * the reader has to pause before it drops the lock.
 */
static void check_writer(const struct tree_kind *kind)
{
	bool rcu = kind->flags & MT_FLAGS_USE_RCU;
	struct maple_tree mt;
	struct iter it;

	start_iter(&it, &mt, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		check_sometimes(&it, i);
		start_sequence(&it);
		rcu_read_lock();
		for (int calls = rnd_below(&it.r, 20); calls >= 0; calls--) {
			if (!rnd_below(&it.r, 3)) {
				if (!rcu)
					mas_pause(&it.mas);
				change_tree(&it);
			}
			if (rcu)
				arm_writer(&it);
			call_any(&it, rnd_below(&it.r, NR_READER_CALLS));
			reader = NULL;
		}
		rcu_read_unlock();
	}
	end_iter(&it);
}

/* Only a tree that tracks gaps can be searched for one. */
static void check_no_gaps(struct maple_tree *mt)
{
	unsigned long start = 0, next = 0;

	CHECK(mtree_alloc_range(mt, &start, mt, 1, 0, 1, GFP_KERNEL) == -EINVAL);
	CHECK(mtree_alloc_rrange(mt, &start, mt, 1, 0, 1, GFP_KERNEL) == -EINVAL);
	CHECK(mtree_alloc_cyclic(mt, &start, mt, 0, 1, &next, GFP_KERNEL) == -EINVAL);
	CHECK(mtree_empty(mt) && !start && !next);
}

static void check_gaps(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct iter it;

	start_iter(&it, &mt, kind);
	if (!mt_is_alloc(&mt)) {
		check_no_gaps(&mt);
		end_iter(&it);
		return;
	}
	for (unsigned long i = 0; i < rounds; i++) {
		check_sometimes(&it, i);
		if (rnd_below(&it.r, 2))
			change_tree(&it);
		else if (rnd_below(&it.r, 3))
			alloc(&it, rnd_below(&it.r, 2));
		else
			alloc_cyclic(&it);
		start_sequence(&it);
		mtree_lock(&mt);
		for (int calls = rnd_below(&it.r, 20); calls >= 0; calls--) {
			enum call_type call = rnd_below(&it.r, NR_CALLS);

			if (rnd_below(&it.r, 2))
				call = CALL_EMPTY_AREA + rnd_below(&it.r, 2);
			call_any(&it, call);
		}
		mtree_unlock(&mt);
	}
	end_iter(&it);
}

static const struct test tests[] = {
	{ "one thread", check_alone },
	{ "threads", check_threads },
	{ "iteration", check_iteration },
	{ "iteration with a writer", check_writer },
	{ "gaps", check_gaps },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
