// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of maple tree preallocation: one test for each thing that the
 * kernel-doc of mas_preallocate() and mas_store_prealloc() promises.
 *
 * The tree of a test is compared with a second one, in which the same stores
 * were made by mtree_store_range(), without a reservation.
 */
#include <kunit/test.h>

#include <linux/completion.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../../mm/slab.h"	/* get_slabinfo() */

struct prealloc_test {
	struct maple_tree mt;
	struct maple_tree expected;
	struct mutex lock;	/* of @mt, when it is an external one */
	int locks;
	unsigned long taints;
};

static const struct tree_kind {
	const char *name;
	unsigned int flags;
} tree_kinds[] = {
	{ "regular", 0 },
	{ "allocation", MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU", MT_FLAGS_USE_RCU },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

KUNIT_ARRAY_PARAM_DESC(tree_kind, tree_kinds, name);

/* Those that track gaps */
static const struct tree_kind alloc_kinds[] = {
	{ "allocation", MT_FLAGS_ALLOC_RANGE },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

KUNIT_ARRAY_PARAM_DESC(alloc_kind, alloc_kinds, name);

static void *entry(unsigned long v)
{
	return xa_mk_value(v);
}

static unsigned long nodes_reserved(struct ma_state *mas)
{
	return (mas->sheaf ? kmem_cache_sheaf_size(mas->sheaf) : 0) +
	       (mas->alloc ? 1 : 0);
}

/* @mt holds what it should. */
static void expect_tree(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	void *have, *want;

	MA_STATE(have_mas, &t->mt, 0, 0);
	MA_STATE(want_mas, &t->expected, 0, 0);

	rcu_read_lock();
	do {
		have = mas_find(&have_mas, ULONG_MAX);
		want = mas_find(&want_mas, ULONG_MAX);
	} while (have && have == want && have_mas.index == want_mas.index &&
		 have_mas.last == want_mas.last);
	rcu_read_unlock();
	KUNIT_EXPECT_TRUE_MSG(test, !have && !want,
			      "%lu in [%lu, %lu], should be %lu in [%lu, %lu]\n",
			      xa_to_value(have), have_mas.index, have_mas.last,
			      xa_to_value(want), want_mas.index, want_mas.last);

#ifdef CONFIG_DEBUG_MAPLE_TREE
	if (mt_external_lock(&t->mt)) {
		mt_validate(&t->mt);
	} else {
		mtree_lock(&t->mt);
		mt_validate(&t->mt);
		mtree_unlock(&t->mt);
	}
#endif
}

static void expected_store(struct kunit *test, unsigned long index,
			   unsigned long last, void *value)
{
	struct prealloc_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, 0, mtree_store_range(&t->expected, index, last,
						   value, GFP_KERNEL));
}

/* Others change the tree. */
static void other_store(struct kunit *test, unsigned long index,
			unsigned long last, void *value)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, index, last);

	if (mt_external_lock(&t->mt))
		KUNIT_EXPECT_EQ(test, 0, mas_store_gfp(&mas, value, GFP_KERNEL));
	else
		KUNIT_EXPECT_EQ(test, 0, mtree_store_range(&t->mt, index, last,
							   value, GFP_KERNEL));
	expected_store(test, index, last, value);
}

#define GROWN	50000UL		/* All that grow() stores is below. */

static void grow(struct kunit *test, unsigned long n)
{
	unsigned long i, index;

	for (i = 0; i < n; i++) {
		index = i * 7919 % (GROWN - 5);
		other_store(test, index, index + i % 6, entry(i));
		cond_resched();
	}
}

static void destroy(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	mtree_destroy(&t->mt);
	mtree_destroy(&t->expected);
}

static int store_prealloc(struct ma_state *mas, void *value)
{
	int ret;

	mas_lock(mas);
	ret = mas_store_prealloc(mas, value);
	mas_unlock(mas);
	return ret;
}

/* It is stored, nothing else has changed, and no node is left in @mas. */
static void expect_stored(struct kunit *test, struct ma_state *mas, void *value)
{
	unsigned long index = mas->index, last = mas->last;
	int ret = store_prealloc(mas, value);

	KUNIT_EXPECT_EQ_MSG(test, ret, 0, "[%lu, %lu]\n", index, last);
	KUNIT_EXPECT_EQ(test, nodes_reserved(mas), 0);
	expected_store(test, index, last, value);
	expect_tree(test);
}

/* It fails, and tree, range and nodes are what they were. */
static void expect_failed(struct kunit *test, struct ma_state *mas, void *value,
			  int error)
{
	unsigned long index = mas->index, last = mas->last;
	unsigned long nodes = nodes_reserved(mas);

	KUNIT_EXPECT_EQ(test, store_prealloc(mas, value), error);
	KUNIT_EXPECT_EQ(test, mas->index, index);
	KUNIT_EXPECT_EQ(test, mas->last, last);
	KUNIT_EXPECT_EQ(test, nodes_reserved(mas), nodes);
	expect_tree(test);
}

static void reserve(struct kunit *test, struct ma_state *mas, void *value)
{
	KUNIT_ASSERT_EQ(test, mas_preallocate(mas, value, GFP_KERNEL), 0);
}

/*
 * Memory is short: the next allocation of this task that may not sleep fails,
 * and only that one.
 */
static void fail_next_alloc(bool fail)
{
#ifdef CONFIG_FAILSLAB
	WRITE_ONCE(current->fail_nth, fail);
#endif
}

static int preallocate_failing(struct ma_state *mas)
{
	int ret;

	fail_next_alloc(true);
	ret = mas_preallocate(mas, NULL, GFP_NOWAIT);
	fail_next_alloc(false);
	return ret;
}

/*
 * A reservation is a sheaf, which needs no allocation as long as SLUB has one.
 * It keeps less than this for a CPU and its node.
 */
#define HOARD	64

/* With @hoard, there is no sheaf left on this CPU, on which the task stays. */
static void hoard_sheaves(struct kunit *test, struct ma_state *hoard)
{
	struct prealloc_test *t = test->priv;
	int i;

	for (i = 0; i < HOARD; i++)
		mas_init(&hoard[i], &t->mt, 0);
	/* Nodes that are freed later would make up new ones. */
	kvfree_rcu_barrier();
	migrate_disable();
	for (i = 0; i < HOARD && !preallocate_failing(&hoard[i]); i++)
		;
	KUNIT_EXPECT_LT(test, i, HOARD);
}

static void drop_hoard(struct ma_state *hoard)
{
	migrate_enable();
	for (int i = 0; i < HOARD; i++)
		mas_destroy(&hoard[i]);
}

static struct ma_state *alloc_hoard(struct kunit *test)
{
	struct ma_state *hoard;

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs CONFIG_FAILSLAB");

	hoard = kunit_kcalloc(test, HOARD, sizeof(*hoard), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hoard);
	return hoard;
}

/* A reservation is enough for the store. */
static void store_succeeds(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	reserve(test, &mas, entry(1));
	expect_stored(test, &mas, entry(1));
}

/* It is enough when others have made the tree grow from nothing. */
static void holds_when_grown(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 1234, 41234);

	reserve(test, &mas, entry(1));
	grow(test, 3000);
	expect_stored(test, &mas, entry(1));
}

/* It is enough when others have erased everything, entry by entry. */
static void holds_when_erased(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	unsigned long i;

	MA_STATE(mas, &t->mt, 1234, 41234);

	grow(test, 3000);
	reserve(test, &mas, entry(1));
	for (i = 0; mt_find(&t->mt, &i, ULONG_MAX); cond_resched()) {
		mtree_erase(&t->mt, i - 1);
		mtree_erase(&t->expected, i - 1);
	}
	KUNIT_EXPECT_TRUE(test, mtree_empty(&t->mt));
	expect_stored(test, &mas, entry(1));
}

/* It is enough when others have put one entry in place of all. */
static void holds_when_overwritten(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 1234, 41234);

	grow(test, 3000);
	reserve(test, &mas, entry(1));
	other_store(test, 0, ULONG_MAX, entry(2));
	expect_stored(test, &mas, entry(1));
}

/* It is enough when the tree has been destroyed and built again. */
static void holds_when_rebuilt(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 1234, 41234);

	grow(test, 100);
	reserve(test, &mas, entry(1));
	destroy(test);
	grow(test, 3000);
	expect_stored(test, &mas, entry(1));
}

static const struct {
	unsigned long index;
	unsigned long last;
	bool null;
} stores[] = {
	{ 0, 0 },
	{ 0, 0, true },
	{ 20, 30 },
	{ 20, 30, true },
	{ 0, 40000 },
	{ 0, 40000, true },
	{ 33333, ULONG_MAX },
	{ 1, ULONG_MAX - 1, true },
	{ ULONG_MAX, ULONG_MAX },
	{ ULONG_MAX, ULONG_MAX, true },
	{ 0, ULONG_MAX },
	{ 0, ULONG_MAX, true },
};

/* Range and entry may change after the reservation. */
static void holds_for_any_store(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 0, 0);

	for (int i = 0; i < ARRAY_SIZE(stores); i++) {
		mas_set(&mas, 5);
		reserve(test, &mas, NULL);
		grow(test, 300);
		mas_set_range(&mas, stores[i].index, stores[i].last);
		expect_stored(test, &mas, stores[i].null ? NULL : entry(i));
	}
}

/* Where a state may have been left: called under the lock */
static void move_walk(struct ma_state *mas)
{
	mas_set(mas, 42);
	mas_walk(mas);
}

static void move_find(struct ma_state *mas)
{
	mas_set(mas, 42);
	mas_find(mas, ULONG_MAX);
}

static void move_next(struct ma_state *mas)
{
	mas_set(mas, 42);
	while (mas_next(mas, ULONG_MAX))
		;
}

static void move_prev(struct ma_state *mas)
{
	mas_set(mas, 42);
	while (mas_prev(mas, 0))
		;
}

static void move_pause(struct ma_state *mas)
{
	move_find(mas);
	mas_pause(mas);
}

static void move_empty_area(struct ma_state *mas)
{
	mas_reset(mas);
	WARN_ON(mas_empty_area(mas, 0, ULONG_MAX, 100));
}

static void move_empty_area_rev(struct ma_state *mas)
{
	mas_reset(mas);
	WARN_ON(mas_empty_area_rev(mas, 0, ULONG_MAX, 100));
}

static void move_no_area(struct ma_state *mas)
{
	mas_reset(mas);
	WARN_ON(mas_empty_area(mas, 0, ULONG_MAX, ULONG_MAX) != -EBUSY);
}

static const struct {
	const char *name;
	void (*move)(struct ma_state *mas);
	bool alloc;		/* Allocation trees only */
} moves[] = {
	{ "mas_walk()", move_walk },
	{ "mas_find()", move_find },
	{ "mas_next() to the end", move_next },
	{ "mas_prev() to the start", move_prev },
	{ "mas_pause()", move_pause },
	{ "mas_empty_area()", move_empty_area, true },
	{ "mas_empty_area_rev()", move_empty_area_rev, true },
	{ "mas_empty_area(), none", move_no_area, true },
};

/* The state may be moved after the reservation, and its node be freed. */
static void holds_when_moved(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(moves); i++) {
		MA_STATE(mas, &t->mt, 0, 0);

		if (moves[i].alloc && !(t->mt.ma_flags & MT_FLAGS_ALLOC_RANGE))
			continue;

		kunit_info(test, "%s\n", moves[i].name);
		destroy(test);
		grow(test, 50);
		reserve(test, &mas, entry(i));
		mas_lock(&mas);
		moves[i].move(&mas);
		mas_unlock(&mas);
		destroy(test);
		kvfree_rcu_barrier();
		grow(test, 1000);
		/* Not by mas_set_range(), which would reset it. */
		mas.index = 1234;
		mas.last = 41234;
		expect_stored(test, &mas, entry(i));
	}
}

/* After the store the state is at the entry. */
static void state_is_at_entry(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	struct ma_state stored;
	void *next;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	other_store(test, 30, 40, entry(2));
	reserve(test, &mas, entry(1));
	mas_lock(&mas);
	ret = mas_store_prealloc(&mas, entry(1));
	stored = mas;
	next = mas_next(&mas, ULONG_MAX);
	mas_unlock(&mas);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, mas_is_active(&stored));
	KUNIT_EXPECT_EQ(test, stored.index, 10);
	KUNIT_EXPECT_EQ(test, stored.last, 20);
	KUNIT_EXPECT_PTR_EQ(test, next, entry(2));
}

/* An empty area can be found and stored without dropping the lock. */
static void empty_area_is_stored(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 0, 0);

	grow(test, 1000);
	for (int i = 0; i < 200; i++) {
		reserve(test, &mas, entry(i));
		mas_lock(&mas);
		ret = mas_empty_area(&mas, 0, ULONG_MAX, 3);
		if (!ret)
			ret = mas_store_prealloc(&mas, entry(i));
		mas_unlock(&mas);
		KUNIT_EXPECT_EQ(test, ret, 0);
		expected_store(test, mas.index, mas.last, entry(i));
	}
	expect_tree(test);
}

/*
 * Find a gap and store padding and an aligned range there, without dropping the lock.
 * With a reservation for each of the two stores, both succeed.
 */
static void padded_area_is_stored(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	unsigned long start, area;
	int ret, pad_ret;

	MA_STATE(pad_mas, &t->mt, 0, 0);
	MA_STATE(mas, &t->mt, 0, 0);

	for (int i = 0; i < 200; i++) {
		reserve(test, &pad_mas, entry(1));
		reserve(test, &mas, entry(2));
		mas_lock(&mas);
		ret = mas_empty_area(&mas, 0, ULONG_MAX, 40 + 63);
		start = mas.index;
		area = ALIGN(start + 1, 64);
		mas_set_range(&pad_mas, start, area - 1);
		mas_set_range(&mas, area, area + 39);
		pad_ret = mas_store_prealloc(&pad_mas, entry(1));
		if (!ret)
			ret = mas_store_prealloc(&mas, entry(2));
		mas_unlock(&mas);
		KUNIT_EXPECT_EQ(test, pad_ret, 0);
		KUNIT_EXPECT_EQ(test, ret, 0);
		expected_store(test, start, area - 1, entry(1));
		expected_store(test, area, area + 39, entry(2));
	}
	expect_tree(test);
}

/* One reservation splits a mapping A into A', B and A'': B is stored first. */
static void mapping_is_split(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10020, 10029);

	reserve(test, &mas, entry(2));
	/* A is mapped later than that. */
	grow(test, 3000);
	other_store(test, 10000, 10099, entry(1));
	expect_stored(test, &mas, entry(2));
	mas_set_range(&mas, 10000, 10019);
	expect_stored(test, &mas, entry(3));
	mas_set_range(&mas, 10030, 10099);
	expect_stored(test, &mas, entry(4));
}

/* The store does not allocate: it succeeds where mas_store() fails. */
static void store_does_not_allocate(struct kunit *test)
{
	struct ma_state *hoard = alloc_hoard(test);
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 1234, 41234);
	MA_STATE(other, &t->mt, 1234, 41234);

	grow(test, 1000);
	reserve(test, &mas, entry(1));
	hoard_sheaves(test, hoard);
	mas_lock(&mas);
	fail_next_alloc(true);
	mas_store(&other, entry(1));
	fail_next_alloc(true);
	ret = mas_store_prealloc(&mas, entry(1));
	fail_next_alloc(false);
	mas_unlock(&mas);
	drop_hoard(hoard);
	mas_destroy(&other);

	KUNIT_EXPECT_EQ(test, mas_is_err(&other) ? xa_err(other.node) : 0, -ENOMEM);
	KUNIT_EXPECT_EQ(test, ret, 0);
	expected_store(test, 1234, 41234, entry(1));
	expect_tree(test);
}

/* The store may be made where a dma_fence is about to be signalled. */
static void store_in_signalling_section(struct kunit *test)
{
#ifdef CONFIG_DMA_SHARED_BUFFER
	struct prealloc_test *t = test->priv;
	bool cookie;
	int ret;

	MA_STATE(mas, &t->mt, 1234, 41234);

	reserve(test, &mas, entry(1));
	grow(test, 1000);
	cookie = dma_fence_begin_signalling();
	ret = store_prealloc(&mas, entry(1));
	dma_fence_end_signalling(cookie);
	KUNIT_EXPECT_EQ(test, ret, 0);
	expected_store(test, 1234, 41234, entry(1));
	expect_tree(test);
#else
	kunit_skip(test, "needs CONFIG_DMA_SHARED_BUFFER");
#endif
}

/* The lock may be held when gfp does not sleep. */
static void reserve_with_lock_held(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	mas_lock(&mas);
	ret = mas_preallocate(&mas, entry(1), GFP_NOWAIT);
	mas_unlock(&mas);
	KUNIT_EXPECT_EQ(test, ret, 0);
	expect_stored(test, &mas, entry(1));
}

/* When memory is short, mas_preallocate() says so, and can be called again. */
static void reserve_fails(struct kunit *test)
{
	struct ma_state *hoard = alloc_hoard(test);
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	hoard_sheaves(test, hoard);
	ret = preallocate_failing(&mas);
	drop_hoard(hoard);

	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	KUNIT_EXPECT_FALSE(test, mas_is_err(&mas));
	expect_failed(test, &mas, entry(1), -ENOMEM);
	reserve(test, &mas, entry(1));
	expect_stored(test, &mas, entry(1));
}

/* Without a reservation: -ENOMEM, and it can be reserved and tried again. */
static void unreserved_store_fails(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	expect_failed(test, &mas, entry(1), -ENOMEM);
	reserve(test, &mas, entry(1));
	expect_stored(test, &mas, entry(1));

	/* That one has been used up. */
	grow(test, 1000);
	mas_set_range(&mas, 1234, 41234);
	expect_failed(test, &mas, entry(2), -ENOMEM);
	reserve(test, &mas, entry(2));
	expect_stored(test, &mas, entry(2));
}

/* To replace an entry by another, in exactly its range, takes no node. */
static void exact_fit_needs_no_node(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	grow(test, 1000);
	other_store(test, 10, 20, entry(1));
	expect_stored(test, &mas, entry(2));
}

/* A range upside down: -EINVAL, and the reservation is still good. */
static void inverted_range_fails(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	grow(test, 100);
	reserve(test, &mas, entry(1));
	mas_set_range(&mas, 20, 10);
	expect_failed(test, &mas, entry(1), -EINVAL);
	KUNIT_EXPECT_NE(test, nodes_reserved(&mas), 0);
	grow(test, 1000);
	mas_set_range(&mas, 1234, 41234);
	expect_stored(test, &mas, entry(1));
}

/* A NULL takes in the NULLs next to it, but not when it fails. */
static void null_is_widened(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 20, 29);

	for (int i = 0; i < 5; i++)
		other_store(test, i * 10, i * 10 + 5 + (i == 2 ? 4 : 0), entry(i));

	/* Erasing in place takes a node only in RCU mode. */
	if (t->mt.ma_flags & MT_FLAGS_USE_RCU)
		expect_failed(test, &mas, NULL, -ENOMEM);
	reserve(test, &mas, NULL);
	expect_stored(test, &mas, NULL);
	KUNIT_EXPECT_EQ(test, mas.index, 16);
	KUNIT_EXPECT_EQ(test, mas.last, 29);
}

/*
 * mas_store() takes reserved nodes, too, as long as they last, and leaves the tree
 * alone when they do not.
 */
static void mas_store_until_enomem(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	unsigned long i, nodes, failed = 0;

	MA_STATE(mas, &t->mt, 0, 0);

	reserve(test, &mas, NULL);
	for (i = 0; i < 5000 && failed < 3; i++) {
		mas_set_range(&mas, i * 10, i * 10 + 5);
		nodes = nodes_reserved(&mas);
		mas_lock(&mas);
		mas_store(&mas, entry(i));
		mas_unlock(&mas);
		if (!mas_is_err(&mas)) {
			expected_store(test, i * 10, i * 10 + 5, entry(i));
			continue;
		}

		failed++;
		KUNIT_EXPECT_EQ(test, xa_err(mas.node), -ENOMEM);
		KUNIT_EXPECT_EQ(test, mas.index, i * 10);
		KUNIT_EXPECT_EQ(test, mas.last, i * 10 + 5);
		KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), nodes);
		expect_tree(test);
		reserve(test, &mas, NULL);
		KUNIT_EXPECT_GE(test, nodes_reserved(&mas), nodes);
	}
	KUNIT_EXPECT_EQ(test, failed, 3);
	KUNIT_EXPECT_GT(test, i, 20);
	mas_destroy(&mas);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	expect_tree(test);
}

/* To reserve twice is to top up: nothing is allocated for what is there. */
static void reserve_twice_tops_up(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	unsigned long nodes;

	MA_STATE(mas, &t->mt, 10, 20);

	reserve(test, &mas, entry(1));
	nodes = nodes_reserved(&mas);
	KUNIT_EXPECT_EQ(test, preallocate_failing(&mas), 0);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), nodes);
	grow(test, 1000);
	expect_stored(test, &mas, entry(1));
}

/* mas_destroy() drops a reservation, with the lock and without it. */
static void destroy_drops(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	reserve(test, &mas, entry(1));
	mas_destroy(&mas);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	expect_failed(test, &mas, entry(1), -ENOMEM);

	reserve(test, &mas, entry(1));
	mas_lock(&mas);
	mas_destroy(&mas);
	mas_unlock(&mas);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	mas_destroy(&mas);
	expect_failed(test, &mas, entry(1), -ENOMEM);
}

/* mas_store_gfp() gives the reservation back. */
static void store_gfp_drops(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	reserve(test, &mas, entry(1));
	mas_lock(&mas);
	ret = mas_store_gfp(&mas, entry(1), GFP_KERNEL);
	mas_unlock(&mas);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	expected_store(test, 10, 20, entry(1));
	expect_tree(test);
}

/* mas_erase() gives the reservation back. */
static void erase_drops(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	void *erased;

	MA_STATE(mas, &t->mt, 10, 20);

	other_store(test, 10, 20, entry(1));
	other_store(test, 30, 40, entry(2));
	reserve(test, &mas, NULL);
	mas_lock(&mas);
	erased = mas_erase(&mas);
	mas_unlock(&mas);
	KUNIT_EXPECT_PTR_EQ(test, erased, entry(1));
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	expected_store(test, 10, 20, NULL);
	expect_tree(test);
}

/* Reservations in two states do not touch each other. */
static void two_states(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(first, &t->mt, 1234, 41234);
	MA_STATE(second, &t->mt, 2345, 31234);

	reserve(test, &first, entry(1));
	reserve(test, &second, entry(2));
	grow(test, 1000);
	expect_stored(test, &second, entry(2));
	KUNIT_EXPECT_NE(test, nodes_reserved(&first), 0);
	expect_stored(test, &first, entry(1));
}

/* The lock has to be held for the store, and lockdep says so. */
static void lock_is_asserted(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs lockdep");

	kunit_warning_suppress(test) {
		/* A store that would be made would also break RCU's rules. */
		rcu_read_lock();
		ret = mas_store_prealloc(&mas, entry(1));
		rcu_read_unlock();
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
}

#ifdef CONFIG_SLUB_DEBUG
static struct kmem_cache *find_maple_node_cache(void)
{
	struct kmem_cache *s, *found = NULL;

	mutex_lock(&slab_mutex);
	list_for_each_entry(s, &slab_caches, list) {
		if (!strcmp(s->name, "maple_node"))
			found = s;
	}
	mutex_unlock(&slab_mutex);
	return found;
}

static long nodes_in_use(struct kmem_cache *cache)
{
	struct slabinfo info = {};

	kvfree_rcu_barrier();
	/* Otherwise those in sheaves counted as being in use. */
	kmem_cache_shrink(cache);
	get_slabinfo(cache, &info);
	return info.active_objs;
}

#define LEAKS	200	/* more than other trees may allocate meanwhile */

static void reserve_and_leave(struct kunit *test, int i)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, i * 10, i * 10 + 5);

	/* Nothing is stored. */
	reserve(test, &mas, entry(i));
	reserve(test, &mas, entry(i));
	mas_destroy(&mas);

	/* A store fails, and the next one succeeds. */
	reserve(test, &mas, entry(i));
	mas_set_range(&mas, 1, 0);
	KUNIT_EXPECT_EQ(test, store_prealloc(&mas, entry(i)), -EINVAL);
	mas_set_range(&mas, i * 10, i * 10 + 5);
	KUNIT_EXPECT_EQ(test, store_prealloc(&mas, entry(i)), 0);

	/* The reservation is used up in parts. */
	mas_set(&mas, i * 10 + 1);
	reserve(test, &mas, NULL);
	mas_lock(&mas);
	mas_store(&mas, NULL);
	mas_unlock(&mas);
	mas_destroy(&mas);

	/* Others give it back. */
	mas_set(&mas, i * 10 + 2);
	reserve(test, &mas, entry(i));
	mas_lock(&mas);
	mas_store_gfp(&mas, entry(i), GFP_KERNEL);
	mas_unlock(&mas);
	reserve(test, &mas, NULL);
	mas_lock(&mas);
	mas_erase(&mas);
	mas_unlock(&mas);
}
#endif

/* No node is leaked, whatever becomes of a reservation. */
static void nothing_is_leaked(struct kunit *test)
{
#ifdef CONFIG_SLUB_DEBUG
	struct kmem_cache *cache = find_maple_node_cache();
	long before;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	before = nodes_in_use(cache);
	for (int i = 0; i < LEAKS; i++) {
		reserve_and_leave(test, i);
		cond_resched();
	}
	destroy(test);
	KUNIT_EXPECT_LT(test, nodes_in_use(cache) - before, LEAKS / 2);
#else
	kunit_skip(test, "needs CONFIG_SLUB_DEBUG");
#endif
}

/* Jobs are reserved for by one thread and stored by another. */
#define JOBS	100

struct worker {
	struct ma_state mas[JOBS];
	int ret[JOBS];
	struct completion submitted;
	struct completion done;
};

static int work(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < JOBS; i++) {
		wait_for_completion(&w->submitted);
		w->ret[i] = store_prealloc(&w->mas[i], entry(i));
	}
	complete(&w->done);
	return 0;
}

/* One thread may reserve, and another one store, while the tree changes. */
static void other_thread_stores(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	struct task_struct *task;
	struct worker *w;
	unsigned long index;

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	init_completion(&w->submitted);
	init_completion(&w->done);
	task = kthread_run(work, w, "maple_prealloc");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);

	for (int i = 0; i < JOBS; i++) {
		index = GROWN + i * 100;
		mas_init(&w->mas[i], &t->mt, 0);
		mas_set_range(&w->mas[i], index, index + 49);
		/* Not an assertion: the worker waits for all jobs. */
		KUNIT_EXPECT_EQ(test, 0, mas_preallocate(&w->mas[i], entry(i),
							 GFP_KERNEL));
		complete(&w->submitted);
		grow(test, i % 10 * 10);
		if (i % 20 == 19)
			other_store(test, 0, GROWN - 1, NULL);
	}
	wait_for_completion(&w->done);

	for (int i = 0; i < JOBS; i++) {
		index = GROWN + i * 100;
		KUNIT_EXPECT_EQ(test, w->ret[i], 0);
		expected_store(test, index, index + 49, entry(i));
	}
	expect_tree(test);
}

#ifdef CONFIG_DMA_SHARED_BUFFER
/*
 * Each of these maps or unmaps a range, as a GPU driver does, and gives what is
 * left of the entries at both ends entries of their own.
 */
#define VM_JOBS	40

struct vm_job {
	struct ma_state mas;
	unsigned long index;
	unsigned long last;
	void *value;
	void *left;
	void *right;
	int ret;
};

struct vm_store {
	unsigned long index;
	unsigned long last;
	void *value;
};

struct vm_queue {
	struct vm_job jobs[VM_JOBS];
	struct completion done;
};

/* Called under the lock.  The range first: the rests need no nodes after it. */
static int vm_job_stores(struct maple_tree *mt, const struct vm_job *job,
			 struct vm_store *stores)
{
	int n = 0;

	MA_STATE(mas, mt, job->index, job->index);

	stores[n++] = (struct vm_store){ job->index, job->last, job->value };
	if (mas_walk(&mas) && mas.index < job->index)
		stores[n++] = (struct vm_store){ mas.index, job->index - 1,
						 job->left };
	mas_set(&mas, job->last);
	if (mas_walk(&mas) && mas.last > job->last)
		stores[n++] = (struct vm_store){ job->last + 1, mas.last,
						 job->right };
	return n;
}

static int run_vm_jobs(void *data)
{
	bool cookie = dma_fence_begin_signalling();
	struct vm_queue *queue = data;
	struct vm_store stores[3];

	for (int i = 0; i < VM_JOBS; i++) {
		struct vm_job *job = &queue->jobs[i];
		struct ma_state *mas = &job->mas;
		int nr;

		mas_lock(mas);
		nr = vm_job_stores(mas->tree, job, stores);
		for (int n = 0; n < nr && !job->ret; n++) {
			mas_set_range(mas, stores[n].index, stores[n].last);
			job->ret = mas_store_prealloc(mas, stores[n].value);
		}
		mas_unlock(mas);
	}
	complete(&queue->done);
	dma_fence_end_signalling(cookie);
	return 0;
}
#endif

/* All jobs are reserved for before the first one runs, and all of them can. */
static void jobs_in_signalling_section(struct kunit *test)
{
#ifdef CONFIG_DMA_SHARED_BUFFER
	struct prealloc_test *t = test->priv;
	struct vm_store stores[3];
	struct task_struct *task;
	struct vm_queue *queue;
	int nr, cut[3] = {};

	queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, queue);
	init_completion(&queue->done);
	for (int i = 0; i < VM_JOBS; i++) {
		struct vm_job *job = &queue->jobs[i];

		job->index = i * 7919 % 2000;
		job->last = job->index + i * 31 % 400;
		job->value = i % 3 ? entry(3 * i) : NULL;
		job->left = entry(3 * i + 1);
		job->right = entry(3 * i + 2);
		mas_init(&job->mas, &t->mt, 0);
		reserve(test, &job->mas, job->value);
	}
	grow(test, 3000);
	task = kthread_run(run_vm_jobs, queue, "maple_prealloc");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	wait_for_completion(&queue->done);

	for (int i = 0; i < VM_JOBS; i++) {
		struct vm_job *job = &queue->jobs[i];

		KUNIT_EXPECT_EQ(test, job->ret, 0);
		KUNIT_EXPECT_EQ(test, nodes_reserved(&job->mas), 0);
		mas_destroy(&job->mas);
		mtree_lock(&t->expected);
		nr = vm_job_stores(&t->expected, job, stores);
		mtree_unlock(&t->expected);
		for (int n = 0; n < nr; n++)
			expected_store(test, stores[n].index, stores[n].last,
				       stores[n].value);
		cut[nr - 1]++;
	}
	expect_tree(test);
	/* Rests on one side and on both */
	KUNIT_EXPECT_GT(test, cut[1], 0);
	KUNIT_EXPECT_GT(test, cut[2], 0);
#else
	kunit_skip(test, "needs CONFIG_DMA_SHARED_BUFFER");
#endif
}

/* Threads allocate from one space, all of it in the end. */
#define ALLOCATORS	4
#define RANGES		100
#define RANGE_SIZE	10

struct allocator {
	struct maple_tree *mt;
	struct completion *start;
	struct completion done;
	unsigned long id;
	unsigned long index[RANGES];
	int ret[RANGES];
};

static int allocate_range(struct allocator *a, int i)
{
	int ret;

	MA_STATE(mas, a->mt, 0, 0);

	ret = mas_preallocate(&mas, NULL, GFP_KERNEL);
	if (ret)
		return ret;

	/* Others have their turn, on a single CPU too. */
	usleep_range(10, 20);
	mas_lock(&mas);
	ret = mas_empty_area(&mas, 0, ULONG_MAX, RANGE_SIZE);
	if (!ret) {
		a->index[i] = mas.index;
		ret = mas_store_prealloc(&mas, entry(a->id * RANGES + i));
	}
	mas_unlock(&mas);
	mas_destroy(&mas);
	return ret;
}

static int allocate_ranges(void *data)
{
	struct allocator *a = data;

	wait_for_completion(a->start);
	for (int i = 0; i < RANGES; i++)
		a->ret[i] = allocate_range(a, i);
	complete(&a->done);
	return 0;
}

/* Many may reserve, and find an empty range and store in it: each gets its own. */
static void threads_allocate_ranges(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(start);
	struct prealloc_test *t = test->priv;
	struct allocator *allocators;
	unsigned long index;
	int nr, ret;

	MA_STATE(mas, &t->mt, 0, 0);

	allocators = kunit_kcalloc(test, ALLOCATORS, sizeof(*allocators),
				   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, allocators);
	for (nr = 0; nr < ALLOCATORS; nr++) {
		struct allocator *a = &allocators[nr];
		struct task_struct *task;

		a->mt = &t->mt;
		a->start = &start;
		a->id = nr;
		init_completion(&a->done);
		task = kthread_run(allocate_ranges, a, "maple_prealloc");
		/* Not an assertion: the others wait. */
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, task);
		if (IS_ERR_OR_NULL(task))
			break;
	}
	complete_all(&start);
	for (int n = 0; n < nr; n++)
		wait_for_completion(&allocators[n].done);

	for (int i = 0; i < nr * RANGES; i++) {
		struct allocator *a = &allocators[i / RANGES];

		KUNIT_EXPECT_EQ(test, a->ret[i % RANGES], 0);
		index = a->index[i % RANGES];
		KUNIT_EXPECT_EQ(test, index % RANGE_SIZE, 0);
		/* It has no other owner. */
		KUNIT_EXPECT_NULL(test, mtree_load(&t->expected, index));
		expected_store(test, index, index + RANGE_SIZE - 1, entry(i));
	}
	expect_tree(test);

	/* There is no gap between them. */
	mas_lock(&mas);
	ret = mas_empty_area(&mas, 0, ULONG_MAX, 1);
	mas_unlock(&mas);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, mas.index, nr * RANGES * RANGE_SIZE);
}

static int prealloc_test_init(struct kunit *test)
{
	const struct tree_kind *kind = test->param_value;
	struct prealloc_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	mt_init_flags(&t->mt, kind->flags);
	mt_init_flags(&t->expected, kind->flags);
	t->locks = debug_locks;
	t->taints = get_taint();
	return 0;
}

/* Nothing that a test has done may have caused a warning. */
static void expect_no_warning(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, debug_locks, t->locks);
	KUNIT_EXPECT_EQ(test, get_taint() & BIT(TAINT_WARN),
			t->taints & BIT(TAINT_WARN));
}

static void prealloc_test_exit(struct kunit *test)
{
	if (!test->priv)
		return;

	expect_no_warning(test);
	destroy(test);
}

#define CASE(name)	KUNIT_CASE_PARAM(name, tree_kind_gen_params)

static struct kunit_case prealloc_cases[] = {
	CASE(store_succeeds),
	CASE(holds_when_grown),
	CASE(holds_when_erased),
	CASE(holds_when_overwritten),
	CASE(holds_when_rebuilt),
	CASE(holds_for_any_store),
	CASE(holds_when_moved),
	CASE(state_is_at_entry),
	KUNIT_CASE_PARAM(empty_area_is_stored, alloc_kind_gen_params),
	KUNIT_CASE_PARAM(padded_area_is_stored, alloc_kind_gen_params),
	CASE(mapping_is_split),
	CASE(store_does_not_allocate),
	CASE(store_in_signalling_section),
	CASE(reserve_with_lock_held),
	CASE(reserve_fails),
	CASE(unreserved_store_fails),
	CASE(exact_fit_needs_no_node),
	CASE(inverted_range_fails),
	CASE(null_is_widened),
	CASE(mas_store_until_enomem),
	CASE(reserve_twice_tops_up),
	CASE(destroy_drops),
	CASE(store_gfp_drops),
	CASE(erase_drops),
	CASE(two_states),
	CASE(lock_is_asserted),
	CASE(nothing_is_leaked),
	CASE(other_thread_stores),
	CASE(jobs_in_signalling_section),
	KUNIT_CASE_PARAM(threads_allocate_ranges, alloc_kind_gen_params),
	{}
};

static struct kunit_suite prealloc_suite = {
	.name = "maple_prealloc",
	.init = prealloc_test_init,
	.exit = prealloc_test_exit,
	.test_cases = prealloc_cases,
};

/*
 * External lock, held from mas_preallocate() to mas_store_prealloc().
 */
static void expect_external_stored(struct kunit *test, struct ma_state *mas,
				   void *value)
{
	unsigned long index = mas->index, last = mas->last;

	KUNIT_EXPECT_EQ(test, mas_store_prealloc(mas, value), 0);
	KUNIT_EXPECT_EQ(test, nodes_reserved(mas), 0);
	expected_store(test, index, last, value);
	expect_tree(test);
}

/* What is reserved is exactly what the store needs. */
static void external_is_exact(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 10, 20);

	mutex_lock(&t->lock);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(1), GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 1);
	expect_external_stored(test, &mas, entry(1));

	mas_set_range(&mas, 10, 20);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(2), GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
	expect_external_stored(test, &mas, entry(2));

	grow(test, 1000);
	mas_set_range(&mas, 1234, 41234);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(3), GFP_KERNEL), 0);
	expect_external_stored(test, &mas, entry(3));
	mutex_unlock(&t->lock);
}

/* The store does not walk again: it finds its place without the root. */
static void external_walks_once(struct kunit *test)
{
	struct prealloc_test *t = test->priv;
	void *root;
	int ret;

	MA_STATE(mas, &t->mt, 10, 20);

	mutex_lock(&t->lock);
	grow(test, 1000);
	other_store(test, 10, 20, entry(1));
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(2), GFP_KERNEL), 0);
	root = rcu_dereference_protected(t->mt.ma_root, lockdep_is_held(&t->lock));
	rcu_assign_pointer(t->mt.ma_root, NULL);
	ret = mas_store_prealloc(&mas, entry(2));
	rcu_assign_pointer(t->mt.ma_root, root);
	KUNIT_EXPECT_EQ(test, ret, 0);
	expected_store(test, 10, 20, entry(2));
	expect_tree(test);
	mutex_unlock(&t->lock);
}

/* A state that was reset walks again. */
static void external_walks_after_reset(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 1234, 41234);

	mutex_lock(&t->lock);
	grow(test, 1000);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(1), GFP_KERNEL), 0);
	mas_pause(&mas);
	expect_external_stored(test, &mas, entry(1));
	mutex_unlock(&t->lock);
}

/* Without a reservation: -ENOMEM, and it can be reserved and tried again. */
static void external_unreserved_fails(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, &t->mt, 1234, 41234);

	mutex_lock(&t->lock);
	grow(test, 1000);
	KUNIT_EXPECT_EQ(test, mas_store_prealloc(&mas, entry(1)), -ENOMEM);
	KUNIT_EXPECT_EQ(test, mas.index, 1234);
	KUNIT_EXPECT_EQ(test, mas.last, 41234);
	expect_tree(test);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&mas, entry(1), GFP_KERNEL), 0);
	expect_external_stored(test, &mas, entry(1));
	mutex_unlock(&t->lock);
}

/* mas_reserve() needs no lock, and holds although the lock is dropped. */
static void external_reserved_holds(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	MA_STATE(mas, NULL, 1234, 41234);

	KUNIT_ASSERT_EQ(test, mas_reserve(&mas, GFP_KERNEL), 0);
	mutex_lock(&t->lock);
	grow(test, 5000);
	mutex_unlock(&t->lock);
	mutex_lock(&t->lock);
	mas.tree = &t->mt;
	KUNIT_EXPECT_EQ(test, mas_store_prealloc(&mas, entry(1)), 0);
	expected_store(test, 1234, 41234, entry(1));
	expect_tree(test);
	mutex_unlock(&t->lock);
	KUNIT_EXPECT_NE(test, nodes_reserved(&mas), 0);
	mas_destroy(&mas);
	KUNIT_EXPECT_EQ(test, nodes_reserved(&mas), 0);
}

static int external_test_init(struct kunit *test)
{
	int ret = prealloc_test_init(test);
	struct prealloc_test *t = test->priv;

	mutex_init(&t->lock);
	mt_init_flags(&t->mt, t->mt.ma_flags | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&t->mt, &t->lock);
	return ret;
}

static void external_test_exit(struct kunit *test)
{
	struct prealloc_test *t = test->priv;

	if (!t)
		return;

	expect_no_warning(test);
	mutex_lock(&t->lock);
	__mt_destroy(&t->mt);
	mutex_unlock(&t->lock);
	mtree_destroy(&t->expected);
}

static struct kunit_case external_cases[] = {
	CASE(external_is_exact),
	CASE(external_walks_once),
	CASE(external_walks_after_reset),
	CASE(external_unreserved_fails),
	CASE(external_reserved_holds),
	CASE(lock_is_asserted),
	{}
};

static struct kunit_suite external_suite = {
	.name = "maple_prealloc_external",
	.init = external_test_init,
	.exit = external_test_exit,
	.test_cases = external_cases,
};

kunit_test_suites(&prealloc_suite, &external_suite);

MODULE_DESCRIPTION("KUnit tests of maple tree preallocation");
MODULE_LICENSE("GPL");
