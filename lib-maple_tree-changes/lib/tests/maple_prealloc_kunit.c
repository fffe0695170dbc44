// SPDX-License-Identifier: GPL-2.0
/*
 * The specification of maple tree preallocation: a test for each thing that the
 * kernel-doc of mas_preallocate(), mas_reserve() and mas_store_prealloc() promises.
 *
 * It is also built for user space, as tools/testing/radix-tree/maple-prealloc.  There, a
 * store that has to use reserved nodes must not try to allocate, and no node may be left
 * at the end of a test.
 *
 * What is stored in the tree is also stored in a second one, by mas_store_gfp(), which
 * does not preallocate, and the two are compared.
 */
#include <kunit/test.h>

#ifdef __KERNEL__
#include <linux/debug_locks.h>
#include <linux/dma-fence.h>
#include <linux/maple_tree.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

/* Only user space can make all allocations of a thread fail, and count nodes. */
#define CAN_REFUSE	false
static unsigned long refuse_memory(bool refuse) { return 0; }
static void allow_memory(void) { }
static void expect_no_nodes(struct kunit *test) { }
static void wait_for_rcu(void) { synchronize_rcu(); }

/* Has lockdep, the first WARN_ON(), or mt_validate() complained? */
static unsigned long complaints(void)
{
	unsigned long nr = !debug_locks + test_taint(TAINT_WARN);

#ifdef CONFIG_DEBUG_MAPLE_TREE
	nr += atomic_read(&maple_tree_tests_run) - atomic_read(&maple_tree_tests_passed);
#endif
	return nr;
}

static void expect_lock_assertion(struct kunit *test, struct ma_state *mas)
{
	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs lockdep");

	kunit_warning_suppress(test) {
		/* Without nodes, and as a reader: only the lock is missing. */
		rcu_read_lock();
		KUNIT_EXPECT_EQ(test, mas_store_prealloc(mas, NULL), -ENOMEM);
		rcu_read_unlock();
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
}
#endif

static struct prealloc {
	struct maple_tree mt;
	struct maple_tree expected;	/* only used by the test: no lock, no RCU mode */
	struct ma_state mas;		/* of @mt */
	struct mutex mutex;		/* the external lock of @mt */
	bool reserve;			/* by mas_reserve() */
	unsigned long complaints;	/* before the test */
} p;

static const struct prealloc_kind {
	const char *name;
	unsigned int flags;
	bool reserve;
} any_kinds[] = {
	{ "regular", 0 },
	{ "allocation", MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU", MT_FLAGS_USE_RCU },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
	{ "mas_reserve()", 0, true },
	{ "mas_reserve(), allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU, true },
	{ "external lock", MT_FLAGS_LOCK_EXTERN, true },
	{ "external lock, allocation, RCU",
	  MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU, true },
}, exact_kinds[] = {
	{ "regular", MT_FLAGS_LOCK_EXTERN },
	{ "allocation", MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU", MT_FLAGS_LOCK_EXTERN | MT_FLAGS_USE_RCU },
	{ "allocation, RCU", MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
}, job_kinds[] = {
	/* No external lock: others allocate with the mutex held, so a job must not take it. */
	{ "regular", 0 },
	{ "mas_reserve(), allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU, true },
};

static void kind_desc(const struct prealloc_kind *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", kind->name);
}

KUNIT_ARRAY_PARAM(any, any_kinds, kind_desc);
KUNIT_ARRAY_PARAM(exact, exact_kinds, kind_desc);
KUNIT_ARRAY_PARAM(job, job_kinds, kind_desc);

static void *entry(unsigned long v)
{
	return xa_mk_value(v);
}

static void lock(struct kunit *test)
{
	if (mt_external_lock(&p.mt))
		mutex_lock(&p.mutex);
	else
		mtree_lock(&p.mt);
}

static void unlock(struct kunit *test)
{
	if (mt_external_lock(&p.mt))
		mutex_unlock(&p.mutex);
	else
		mtree_unlock(&p.mt);
}

static void expected_store(struct kunit *test, unsigned long index, unsigned long last, void *value)
{
	MA_STATE(mas, &p.expected, index, last);

	KUNIT_EXPECT_EQ(test, mas_store_gfp(&mas, value, GFP_KERNEL), 0);
}

/* The tree is valid, and holds what it should. */
static void expect_tree(struct kunit *test)
{
	void *have, *want;

	MA_STATE(want_mas, &p.expected, 0, 0);
	MA_STATE(mas, &p.mt, 0, 0);

	lock(test);
#ifdef CONFIG_DEBUG_MAPLE_TREE
	mt_validate(&p.mt);
#endif
	rcu_read_lock();
	do {
		have = mas_find(&mas, ULONG_MAX);
		want = mas_find(&want_mas, ULONG_MAX);
	} while (have && have == want && mas.index == want_mas.index && mas.last == want_mas.last);
	rcu_read_unlock();
	unlock(test);
	KUNIT_EXPECT_PTR_EQ_MSG(test, have, want, "in [%lx, %lx], should be in [%lx, %lx]\n",
				mas.index, mas.last, want_mas.index, want_mas.last);
	KUNIT_EXPECT_PTR_EQ(test, have, NULL);
}

/* Others change the tree. */
static void other_store(struct kunit *test, unsigned long index, unsigned long last, void *value)
{
	int ret;

	MA_STATE(mas, &p.mt, index, last);

	lock(test);
	ret = mas_store_gfp(&mas, value, GFP_KERNEL);
	unlock(test);
	KUNIT_EXPECT_EQ(test, ret, 0);
	expected_store(test, index, last, value);
}

/* The entries of grow() are below this: short ones, scattered over the whole range. */
#define GROWN	50000UL

static void grow(struct kunit *test, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		unsigned long index = i * 7919 % (GROWN - 5);

		other_store(test, index, index + i % 6, entry(i));
		cond_resched();
	}
}

static void erase_all(struct kunit *test, unsigned long n)
{
	unsigned long index = 0;

	grow(test, n);
	while (mt_find(&p.mt, &index, ULONG_MAX)) {
		MA_STATE(mas, &p.mt, index - 1, index - 1);
		MA_STATE(expected_mas, &p.expected, index - 1, index - 1);

		lock(test);
		mas_erase(&mas);
		unlock(test);
		mas_erase(&expected_mas);
		cond_resched();
	}
}

static void empty(struct kunit *test, unsigned long n)
{
	grow(test, n);
	other_store(test, 0, ULONG_MAX, NULL);
}

static void fill(struct kunit *test, unsigned long n)
{
	grow(test, n);
	other_store(test, 0, ULONG_MAX, entry(n));
}

static void leave_root(struct kunit *test, unsigned long n)
{
	empty(test, n);
	other_store(test, 0, 0, entry(n));
}

static void destroy(struct kunit *test)
{
	lock(test);
	__mt_destroy(&p.mt);
	unlock(test);
	__mt_destroy(&p.expected);
}

/* The nodes of the old tree are freed. */
static void rebuild(struct kunit *test, unsigned long n)
{
	grow(test, n);
	destroy(test);
	wait_for_rcu();
	grow(test, n);
}

static int reserve(struct kunit *test, struct ma_state *mas, gfp_t gfp)
{
	return p.reserve ? mas_reserve(mas, gfp) : mas_preallocate(mas, NULL, gfp);
}

/* The lock is held.  No allocation may be tried. */
static int store_locked(struct kunit *test, void *value)
{
	int ret;

	refuse_memory(true);
	ret = mas_store_prealloc(&p.mas, value);
	KUNIT_EXPECT_EQ(test, refuse_memory(false), 0);
	return ret;
}

static int store(struct kunit *test, void *value)
{
	int ret;

	lock(test);
	ret = store_locked(test, value);
	unlock(test);
	return ret;
}

/* It is stored, and nothing else has changed. */
static void expect_stored(struct kunit *test, void *value)
{
	unsigned long index = p.mas.index, last = p.mas.last;

	KUNIT_EXPECT_EQ_MSG(test, store(test, value), 0, "[%lx, %lx]", index, last);
	expected_store(test, index, last, value);
	expect_tree(test);
}

/* It fails, the tree and the range are what they were, and the state is reset. */
static void expect_failed(struct kunit *test, void *value, int error)
{
	unsigned long index = p.mas.index, last = p.mas.last;

	KUNIT_EXPECT_EQ(test, store(test, value), error);
	KUNIT_EXPECT_EQ(test, p.mas.index, index);
	KUNIT_EXPECT_EQ(test, p.mas.last, last);
	KUNIT_EXPECT_TRUE(test, p.mas.status == ma_start);
	expect_tree(test);
}

/* A store over so many entries needs nodes. */
static void set_large_store(struct kunit *test)
{
	grow(test, 300);
	mas_set_range(&p.mas, 1234, 41234);
}

/* One reservation is enough for one store, whatever others do in between. */
static void reservation_holds(struct kunit *test)
{
	static void (*const changes[])(struct kunit *test, unsigned long n) = {
		grow, erase_all, empty, fill, leave_root, rebuild,
	};
	static const unsigned long counts[] = { 0, 1, 50, 1000 };

	for (int i = 0; i < ARRAY_SIZE(changes) * ARRAY_SIZE(counts); i++) {
		destroy(test);
		KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
		changes[i / ARRAY_SIZE(counts)](test, counts[i % ARRAY_SIZE(counts)]);
		mas_set_range(&p.mas, 1234, 41234);
		expect_stored(test, entry(i));
	}
}

/* Any range and any entry may be stored, in a tree of any size. */
static void holds_for_any_store(struct kunit *test)
{
	static const struct {
		unsigned long index, last, entry;
	} stores[] = {
		/* Whether the root can hold an entry depends on the lowest bits of the entry. */
		{ 0, 0, 0x1001 }, { 0, 0, 0x1002 }, { 0, 0, 0x1003 }, { 0, 0, 0x1004 }, { 0, 0, 0 },
		{ 20, 30, 0x1001 }, { 20, 30, 0 }, { 7, 40000, 0x1001 }, { 7, 40000, 0 },
		{ 33333, ULONG_MAX, 0x1001 }, { 1, ULONG_MAX - 1, 0 },
		{ ULONG_MAX, ULONG_MAX, 0x1001 }, { ULONG_MAX, ULONG_MAX, 0 },
		{ 0, ULONG_MAX, 0x1001 }, { 0, ULONG_MAX, 0 },
	};
	static const unsigned long counts[] = { 0, 1, 200 };

	for (int i = 0; i < ARRAY_SIZE(stores) * ARRAY_SIZE(counts); i++) {
		destroy(test);
		KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
		grow(test, counts[i / ARRAY_SIZE(stores)]);
		p.mas.index = stores[i % ARRAY_SIZE(stores)].index;
		p.mas.last = stores[i % ARRAY_SIZE(stores)].last;
		expect_stored(test, (void *)stores[i % ARRAY_SIZE(stores)].entry);
	}
}

static void at_walk(struct ma_state *mas)
{
	mas_set(mas, 42);
	mas_walk(mas);
}

static void at_end(struct ma_state *mas)
{
	mas_set(mas, 42);
	while (mas_next(mas, ULONG_MAX))
		;
}

static void at_gap(struct ma_state *mas)
{
	mas_reset(mas);
	mas_empty_area_rev(mas, 0, ULONG_MAX, 100);
}

static void at_error(struct ma_state *mas)
{
	mas_reset(mas);
	mas_empty_area(mas, 0, GROWN, GROWN);
}

/* The state may be anywhere, also at a node that has been freed. */
static void holds_for_any_state(struct kunit *test)
{
	static void (*const moves[])(struct ma_state *mas) = {
		at_walk, at_end, at_gap, at_error,
	};
	int nr = p.mt.ma_flags & MT_FLAGS_ALLOC_RANGE ? ARRAY_SIZE(moves) : 2;

	/* Reserved before the move, and after it */
	for (int i = 0; i < 2 * nr; i++) {
		grow(test, 50);
		KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
		lock(test);
		moves[i / 2](&p.mas);
		unlock(test);
		rebuild(test, 500);
		if (i % 2)
			KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
		/* Not by mas_set_range(), which would reset it */
		p.mas.index = 1234;
		p.mas.last = 41234;
		expect_stored(test, entry(i));
	}
}

/* On success, the state is at the entry. */
static void state_is_at_entry(struct kunit *test)
{
	set_large_store(test);
	other_store(test, 41235, 41300, entry(2));
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	lock(test);
	KUNIT_EXPECT_EQ(test, store_locked(test, entry(1)), 0);
	KUNIT_EXPECT_EQ(test, p.mas.index, 1234);
	KUNIT_EXPECT_EQ(test, p.mas.last, 41234);
	KUNIT_EXPECT_PTR_EQ(test, mas_next(&p.mas, ULONG_MAX), entry(2));
	unlock(test);
}

/* The range of a NULL is widened over the NULLs beside it, but not if the store fails. */
static void null_is_widened(struct kunit *test)
{
	for (int i = 0; i < 5; i++)
		other_store(test, i * 10, i * 10 + (i == 2 ? 9 : 5), entry(i));
	mas_set_range(&p.mas, 20, 29);
	/* Without RCU mode, this takes no node. */
	if (p.mt.ma_flags & MT_FLAGS_USE_RCU)
		expect_failed(test, NULL, -ENOMEM);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	expect_stored(test, NULL);
	KUNIT_EXPECT_EQ(test, p.mas.index, 16);
	KUNIT_EXPECT_EQ(test, p.mas.last, 29);
}

/*
 * One reservation splits a mapping.  Prev and next stay where they are, and only get
 * entries of their own, which needs no nodes:
 *	|<-------------- old -------------->|
 *	|<- prev ->|<--- new --->|<- next ->|
 */
static void mapping_is_split(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	grow(test, 3000);
	other_store(test, 10000, 10099, entry(1));
	mas_set_range(&p.mas, 10020, 10029);
	expect_stored(test, entry(2));
	mas_set_range(&p.mas, 10000, 10019);
	expect_stored(test, entry(3));
	mas_set_range(&p.mas, 10030, 10099);
	expect_stored(test, entry(4));
}

/* Replacing an entry over exactly its range needs no nodes, even if it is the only one. */
static void exact_fit_needs_no_nodes(struct kunit *test)
{
	fill(test, 1);
	mas_set_range(&p.mas, 0, ULONG_MAX);
	expect_stored(test, entry(2));
}

/* Without nodes: -ENOMEM, and it can be tried again. */
static void store_without_nodes_fails(struct kunit *test)
{
	set_large_store(test);
	expect_failed(test, entry(1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	expect_stored(test, entry(1));
}

/* With an index above last: -EINVAL, and the nodes stay. */
static void inverted_range_fails(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	grow(test, 1000);
	lock(test);
	at_walk(&p.mas);
	unlock(test);
	p.mas.index = 20;
	p.mas.last = 10;
	expect_failed(test, entry(1), -EINVAL);
	set_large_store(test);
	expect_stored(test, entry(1));
}

/* The store gives the remaining nodes back, except after mas_reserve(). */
static void remaining_nodes_are_given_back(struct kunit *test)
{
	set_large_store(test);
	/* The last call decides. */
	KUNIT_EXPECT_EQ(test, mas_reserve(&p.mas, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	expect_stored(test, entry(1));
	set_large_store(test);
	if (p.reserve)
		expect_stored(test, entry(2));
	else
		expect_failed(test, entry(2), -ENOMEM);
}

/* mas_store() uses the nodes, too, until there are too few, and then changes nothing. */
static void mas_store_until_enomem(struct kunit *test)
{
	unsigned long index = 0;

	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	for (int failures = 0; index < GROWN && failures < 3; index += 10) {
		mas_set_range(&p.mas, index, index + 5);
		lock(test);
		refuse_memory(true);
		mas_store(&p.mas, entry(index));
		refuse_memory(false);
		unlock(test);
		if (!mas_is_err(&p.mas)) {
			expected_store(test, index, index + 5, entry(index));
			continue;
		}

		failures++;
		KUNIT_EXPECT_EQ(test, xa_err(p.mas.node), -ENOMEM);
		KUNIT_EXPECT_EQ(test, p.mas.index, index);
		KUNIT_EXPECT_EQ(test, p.mas.last, index + 5);
		expect_tree(test);
		KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	}
	KUNIT_EXPECT_GT(test, index, 200);
	KUNIT_EXPECT_LE(test, index, GROWN - 10);
	expect_tree(test);
}

/* Reserving again tops up: it allocates only what is missing, and loses nothing if it fails. */
static void reserving_again_tops_up(struct kunit *test)
{
	mas_set_range(&p.mas, 10, 20);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	refuse_memory(true);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_NOWAIT), 0);
	KUNIT_EXPECT_EQ(test, refuse_memory(false), 0);
	lock(test);
	mas_store(&p.mas, entry(2));
	unlock(test);
	expected_store(test, 10, 20, entry(2));
	refuse_memory(CAN_REFUSE);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_NOWAIT), CAN_REFUSE ? -ENOMEM : 0);
	refuse_memory(false);
	set_large_store(test);
	expect_stored(test, entry(1));
}

/* mas_destroy() drops the nodes, as do mas_store_gfp(), mas_erase() and mas_alloc_cyclic(). */
static void nodes_are_dropped(struct kunit *test)
{
	unsigned long id, next = GROWN + 1;

	for (int i = 0; i < (p.mt.ma_flags & MT_FLAGS_ALLOC_RANGE ? 5 : 4); i++) {
		KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
		mas_set(&p.mas, GROWN + 1);
		if (i == 0)
			mas_destroy(&p.mas);
		lock(test);
		if (i == 1)
			mas_destroy(&p.mas);
		else if (i == 2)
			KUNIT_EXPECT_EQ(test, mas_store_gfp(&p.mas, NULL, GFP_KERNEL), 0);
		else if (i == 3)
			mas_erase(&p.mas);
		else if (i == 4)
			mas_alloc_cyclic(&p.mas, &id, NULL, next, next, &next, GFP_KERNEL);
		unlock(test);
		set_large_store(test);
		expect_failed(test, entry(1), -ENOMEM);
	}
}

/* After mas_destroy(), mas_store() allocates again, and returns what was there. */
static void mas_store_allocates_again(struct kunit *test)
{
	set_large_store(test);
	other_store(test, 1234, 1234, entry(2));
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	mas_destroy(&p.mas);
	lock(test);
	allow_memory();
	KUNIT_EXPECT_PTR_EQ(test, mas_store(&p.mas, entry(1)), entry(2));
	unlock(test);
	KUNIT_EXPECT_FALSE(test, mas_is_err(&p.mas));
	expected_store(test, 1234, 41234, entry(1));
	expect_tree(test);
}

/* mas_reserve() does not need to know the tree. */
static void tree_is_set_later(struct kunit *test)
{
	p.mas.tree = NULL;
	KUNIT_EXPECT_EQ(test, mas_reserve(&p.mas, GFP_KERNEL), 0);
	p.mas.tree = &p.mt;
	set_large_store(test);
	expect_stored(test, entry(1));
}

/* The lock has to be held for the store, and lockdep says so. */
static void lock_is_asserted(struct kunit *test)
{
	set_large_store(test);
	expect_lock_assertion(test, &p.mas);
	expect_tree(test);
}

/* The rest is for an external lock, held from mas_preallocate() to the store. */
static void exact_store(struct kunit *test, void *value)
{
	unsigned long index = p.mas.index, last = p.mas.last;

	lock(test);
	/* The second call uses what the first has allocated, or gives it back. */
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, value, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ_MSG(test, store_locked(test, value), 0, "[%lx, %lx]", index, last);
	unlock(test);
	expected_store(test, index, last, value);
}

/* mas_preallocate() allocates what the store needs: any store into any tree. */
static void exact_count_holds(struct kunit *test)
{
	for (unsigned long i = 0; i < 3000; i++) {
		unsigned long index = i * 7919 % GROWN;

		mas_set_range(&p.mas, index, index + i % 6 + (i % 50 ? 0 : i));
		exact_store(test, i % 3 ? entry(i) : NULL);
		if (i % 500 == 499)
			expect_tree(test);
		cond_resched();
	}
	mas_set_range(&p.mas, 0, ULONG_MAX);
	exact_store(test, NULL);
	expect_tree(test);
}

/* It does not matter that mas_reserve() was called before, or mas_destroy() after that. */
static void exact_after_reserve(struct kunit *test)
{
	for (int i = 0; i < 2; i++) {
		set_large_store(test);
		KUNIT_EXPECT_EQ(test, mas_reserve(&p.mas, GFP_KERNEL), 0);
		if (i)
			mas_destroy(&p.mas);
		exact_store(test, entry(1));
		set_large_store(test);
		expect_failed(test, entry(2), -ENOMEM);
	}
}

/* Not promised, but keeps stores of VMAs as fast as they were: the store does not walk. */
static void exact_does_not_walk(struct kunit *test)
{
	void *root;

	grow(test, 1000);
	other_store(test, 20, 30, entry(1));
	mas_set_range(&p.mas, 20, 30);
	lock(test);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(2), GFP_KERNEL), 0);
	root = rcu_dereference_protected(p.mt.ma_root, true);
	rcu_assign_pointer(p.mt.ma_root, NULL);
	KUNIT_EXPECT_EQ(test, store_locked(test, entry(2)), 0);
	rcu_assign_pointer(p.mt.ma_root, root);
	unlock(test);
	expected_store(test, 20, 30, entry(2));
	expect_tree(test);
}

static void move_next(struct ma_state *mas)
{
	mas_next(mas, ULONG_MAX);	/* to a place in the same leaf, most likely */
}

static void move_and_mas_store(struct ma_state *mas)
{
	void *value = (at_walk(mas), mas_walk(mas));

	mas_store(mas, value);
}

/* A state that was reset, or moved and moved back, walks again. */
static void exact_walks_again(struct kunit *test)
{
	static void (*const moves[])(struct ma_state *mas) = {
		mas_pause, at_walk, move_next, move_and_mas_store,
	};

	for (int i = 0; i < 8 * ARRAY_SIZE(moves); i++) {
		unsigned long index = 1234 + i * 100, last = index + (i & 1) * 1000;
		void *value = i & 2 ? entry(i) : NULL;

		destroy(test);
		grow(test, i & 4 ? 100 : 3);
		mas_set_range(&p.mas, index, last);
		lock(test);
		KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, value, GFP_KERNEL), 0);
		moves[i / 8](&p.mas);
		p.mas.index = index;
		p.mas.last = last;
		KUNIT_EXPECT_EQ(test, store_locked(test, value), 0);
		unlock(test);
		expected_store(test, index, last, value);
		expect_tree(test);
	}
}

/* Without nodes -ENOMEM, with an inverted range -EINVAL, wherever the state is. */
static void exact_errors(struct kunit *test)
{
	grow(test, 1000);
	lock(test);
	at_walk(&p.mas);
	p.mas.index = 1234;
	p.mas.last = 41234;
	KUNIT_EXPECT_EQ(test, store_locked(test, entry(1)), -ENOMEM);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(1), GFP_KERNEL), 0);
	p.mas.last = p.mas.index - 1;
	KUNIT_EXPECT_EQ(test, store_locked(test, entry(1)), -EINVAL);
	unlock(test);
	expect_tree(test);
	/* The nodes are still there. */
	p.mas.last = 41234;
	expect_stored(test, entry(1));
	set_large_store(test);
	expect_failed(test, entry(2), -ENOMEM);
}

/* After an error or mas_destroy(), another walk to the place does not count. */
static void exact_walk_is_dropped(struct kunit *test)
{
	grow(test, 1000);
	other_store(test, 20, 30, entry(1));
	lock(test);
	for (int i = 0; i < 2; i++) {
		mas_set_range(&p.mas, 20, 30);
		KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(2), GFP_KERNEL), 0);
		p.mas.last = 19;
		if (i)
			mas_destroy(&p.mas);
		else
			KUNIT_EXPECT_EQ(test, store_locked(test, entry(2)), -EINVAL);
		mas_set(&p.mas, 20);
		mas_walk(&p.mas);
		p.mas.index = 1234;
		p.mas.last = 41234;
		KUNIT_EXPECT_EQ(test, store_locked(test, entry(2)), -ENOMEM);
	}
	unlock(test);
	expect_tree(test);
}

/* A store in an empty tree looks at the range again. */
static void exact_range_is_changed(struct kunit *test)
{
	lock(test);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(1), GFP_KERNEL), 0);
	unlock(test);
	mas_set_range(&p.mas, 10, 20);
	expect_failed(test, entry(1), -ENOMEM);
}

/* mas_store() may make the store that was preallocated for. */
static void exact_mas_store(struct kunit *test)
{
	set_large_store(test);
	lock(test);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(1), GFP_KERNEL), 0);
	refuse_memory(true);
	mas_store(&p.mas, entry(1));
	refuse_memory(false);
	KUNIT_EXPECT_FALSE(test, mas_is_err(&p.mas));
	unlock(test);
	expected_store(test, 1234, 41234, entry(1));
	expect_tree(test);
}

#ifdef __KERNEL__
/* A job for a worker.  It tells lockdep that it is in a fence signalling section. */
struct job {
	struct work_struct work;
	struct ma_state mas;
	int ret;
};

static void run_job(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	bool cookie = dma_fence_begin_signalling();

	mtree_lock(&p.mt);
	job->ret = mas_store_prealloc(&job->mas, entry(job->mas.index));
	mtree_unlock(&p.mt);
	dma_fence_end_signalling(cookie);
	mas_destroy(&job->mas);
}

/* A worker may store while a fence is being signalled, and others change the tree. */
static void jobs_in_signalling_section(struct kunit *test)
{
	const int nr = 100;
	struct job *jobs;

	if (!IS_ENABLED(CONFIG_DMA_SHARED_BUFFER))
		kunit_skip(test, "needs CONFIG_DMA_SHARED_BUFFER");

	jobs = kunit_kcalloc(test, nr, sizeof(*jobs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, jobs);
	for (int i = 0; i < nr; i++) {
		unsigned long index = GROWN + i * 100;

		mas_init(&jobs[i].mas, &p.mt, 0);
		KUNIT_EXPECT_EQ(test, reserve(test, &jobs[i].mas, GFP_KERNEL), 0);
		mas_set_range(&jobs[i].mas, index, index + 49);
		expected_store(test, index, index + 49, entry(index));
		INIT_WORK(&jobs[i].work, run_job);
		schedule_work(&jobs[i].work);
		grow(test, i % 10 * 10);
	}
	for (int i = 0; i < nr; i++) {
		flush_work(&jobs[i].work);
		KUNIT_EXPECT_EQ(test, jobs[i].ret, 0);
	}
	expect_tree(test);
}
#else
/* Tests of failing allocations: they need a slab allocator that fails when told to. */

/* Without memory: -ENOMEM, and it can be tried again, also after any other error. */
static void reserving_fails(struct kunit *test)
{
	set_large_store(test);
	refuse_memory(true);
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_NOWAIT), -ENOMEM);
	refuse_memory(false);
	KUNIT_EXPECT_FALSE(test, mas_is_err(&p.mas));
	expect_failed(test, entry(1), -ENOMEM);

	lock(test);
	mas_store(&p.mas, entry(1));
	unlock(test);
	KUNIT_EXPECT_TRUE(test, mas_is_err(&p.mas));
	KUNIT_EXPECT_EQ(test, reserve(test, &p.mas, GFP_KERNEL), 0);
	expect_stored(test, entry(1));
}

/* Without memory: -ENOMEM, the range is unchanged, and there are no nodes. */
static void exact_allocation_fails(struct kunit *test)
{
	grow(test, 1000);
	other_store(test, 1000, 1233, NULL);
	lock(test);
	/* It does not keep the nodes of an earlier call, either.  The first store needs few. */
	mas_set_range(&p.mas, 42, 43);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, entry(1), GFP_KERNEL), 0);
	mas_set_range(&p.mas, 1100, 45000);
	refuse_memory(true);
	KUNIT_EXPECT_EQ(test, mas_preallocate(&p.mas, NULL, GFP_NOWAIT), -ENOMEM);
	refuse_memory(false);
	KUNIT_EXPECT_EQ(test, p.mas.index, 1100);
	KUNIT_EXPECT_EQ(test, p.mas.last, 45000);
	unlock(test);
	expect_failed(test, entry(2), -ENOMEM);
}

#endif

static int prealloc_init(struct kunit *test)
{
	const struct prealloc_kind *kind = test->param_value;

	mutex_init(&p.mutex);
	mt_init_flags(&p.mt, kind->flags);
	if (kind->flags & MT_FLAGS_LOCK_EXTERN)
		mt_set_external_lock(&p.mt, &p.mutex);
	mt_init_flags(&p.expected, MT_FLAGS_LOCK_EXTERN);
	mt_on_stack(p.expected);
	mas_init(&p.mas, &p.mt, 0);
	p.reserve = kind->reserve;
	p.complaints = complaints();
	return 0;
}

static void prealloc_exit(struct kunit *test)
{
	mas_destroy(&p.mas);
	destroy(test);
	KUNIT_EXPECT_EQ(test, complaints(), p.complaints);
	expect_no_nodes(test);
}

#define ANY(name)	KUNIT_CASE_PARAM(name, any_gen_params)
#define EXACT(name)	KUNIT_CASE_PARAM(name, exact_gen_params)

static struct kunit_case prealloc_cases[] = {
	ANY(reservation_holds),
	ANY(holds_for_any_store),
	ANY(holds_for_any_state),
	ANY(state_is_at_entry),
	ANY(null_is_widened),
	ANY(mapping_is_split),
	ANY(exact_fit_needs_no_nodes),
	ANY(store_without_nodes_fails),
	ANY(inverted_range_fails),
	ANY(remaining_nodes_are_given_back),
	ANY(mas_store_until_enomem),
	ANY(reserving_again_tops_up),
	ANY(nodes_are_dropped),
	ANY(mas_store_allocates_again),
	ANY(tree_is_set_later),
	ANY(lock_is_asserted),
	EXACT(exact_count_holds),
	EXACT(exact_after_reserve),
	EXACT(exact_does_not_walk),
	EXACT(exact_walks_again),
	EXACT(exact_errors),
	EXACT(exact_walk_is_dropped),
	EXACT(exact_range_is_changed),
	EXACT(exact_mas_store),
#ifdef __KERNEL__
	KUNIT_CASE_PARAM(jobs_in_signalling_section, job_gen_params),
#else
	ANY(reserving_fails),
	EXACT(exact_allocation_fails),
#endif
	{}
};

static struct kunit_suite prealloc_suite = {
	.name = "maple_prealloc",
	.init = prealloc_init,
	.exit = prealloc_exit,
	.test_cases = prealloc_cases,
};

kunit_test_suites(&prealloc_suite);

MODULE_DESCRIPTION("Specification of maple tree preallocation");
MODULE_LICENSE("GPL");
