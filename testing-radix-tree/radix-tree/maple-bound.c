// SPDX-License-Identifier: GPL-2.0+
/*
 * Tests of the proof of MAPLE_PREALLOC_NODES in lib/maple_tree.c: a store takes at most
 * three nodes per level, and a tall tree has many entries.  They make the store that
 * takes the most nodes at every height, build the trees with the fewest entries, and
 * search for a store that takes more nodes.
 */
#include "maple-harness.h"

/* Trees with full nodes everywhere have up to 16^4 entries, or 32^3. */
#define FULL_HEIGHT	(MAPLE_32BIT ? 3 : 4)
#define BORDER		(ULONG_MAX / 2)
#define WIDTH		10	/* indices of an entry */

static struct maple_tree mt;

static enum maple_type inner_type(void)
{
	return mt_is_alloc(&mt) ? maple_arange_64 : maple_range_64;
}

/* Returns how many reserved nodes it took, or an error.  It may ask for one more. */
static int store(struct ma_state *mas, void *entry)
{
	int most = max(mt_height(&mt) * 3, 1U);		/* an empty tree gets a root */
	int reserved = kmem_cache_sheaf_size(mas->sheaf);
	int taken, ret;

	mas_lock(mas);
	ret = mas_store_prealloc(mas, entry);
	mas_unlock(mas);
	taken = reserved - kmem_cache_sheaf_size(mas->sheaf);
	CHECK(ret ? !taken && reserved <= most : taken <= most);
	return ret ?: taken;
}

/*
 * A store to BORDER and BORDER + 1 reads the nodes on the two paths there, which meet in
 * the root.  These nodes are full.  The others have one slot in use, for one index.  With
 * @all, all nodes are full, and those of one level cover ranges of the same size.
 *		    . . L R . .
 *	    . . . . . L     R . . . . .
 *	    . . . . . L     R . . . . .
 */
static unsigned long last_index(unsigned long min, unsigned long max, int i, int nr, bool all)
{
	int path = max == BORDER ? nr - 1 : min > BORDER ? 0 : nr / 2 - 1;

	if (all)
		return i < nr - 1 ? min + (max - min) / nr * (i + 1) : max;
	if (i == path && min <= BORDER)
		return BORDER;
	return i < path ? min + i : max - (nr - 1 - i);
}

static struct maple_enode *new_node(int height, unsigned long min, unsigned long max, bool all)
{
	MA_STATE(mas, &mt, 0, 0);
	enum maple_type type = height == 1 ? maple_leaf_64 : inner_type();
	struct maple_node *node = mt_alloc_one(GFP_KERNEL | __GFP_ZERO);
	struct maple_enode *enode = mt_mk_node(node, type);
	void __rcu **slots = ma_slots(node, type);
	int nr = all || (min <= BORDER + 1 && max >= BORDER) ? mt_slots[type] : 1;
	unsigned long first = min, last;

	ma_set_meta(node, type, 0, nr - 1);
	for (int i = 0; i < nr; i++, first = last + 1) {
		last = last_index(min, max, i, nr, all);
		if (i < mt_pivots[type])
			ma_pivots(node, type)[i] = last;
		slots[i] = height == 1 ? value(i) : new_node(height - 1, first, last, all);
	}
	if (height > 1)
		mas_set_parent_slots(&mas, enode, slots, 0, nr);
	return enode;
}

static void new_tree(int height, bool all)
{
	struct maple_enode *root = new_node(height, 0, ULONG_MAX, all);

	mte_to_node(root)->parent = ma_parent_ptr((unsigned long)&mt | MA_ROOT_PARENT);
	mt_set_height(&mt, height);
	rcu_assign_pointer(mt.ma_root, mte_mk_root(root));
}

/*
 * Reserves at the height @before, and makes the store that takes the most at @height:
 * the entries at BORDER and after it keep a part of their ranges, so there is one entry
 * more than the two leaves have room for.
 */
static int store_most(int before, int height)
{
	MA_STATE(mas, &mt, BORDER, BORDER + 1);
	void *new = value(1000);
	int taken;

	snprintf(context, sizeof(context), "height %d, was %d", height, before);
	mt_set_height(&mt, before);
	CHECK(!mas_reserve(&mas, GFP_KERNEL));
	mt_set_height(&mt, 0);
	if (height)
		new_tree(height, false);

	taken = store(&mas, new);
	CHECK(mt_height(&mt) == height + (taken > 0));
	CHECK((mtree_load(&mt, BORDER) == new) == (taken > 0));
	CHECK((mtree_load(&mt, BORDER + 1) == new) == (taken > 0));
	mas_destroy(&mas);
	mtree_destroy(&mt);
	return taken;
}

/* Without RCU, a store need not copy every node that it changes, and can take fewer. */
static void expect_most(struct kunit *test, int taken, int most)
{
	KUNIT_EXPECT_LE(test, mt_in_rcu(&mt) ? most : 1, taken);
}

static void takes_most_up_to_promised_height(struct kunit *test)
{
	for (int h = 0; h <= MAPLE_PREALLOC_HEIGHT; h++)
		expect_most(test, store_most(0, h), h ? h * 3 : 1);
}

static void takes_most_two_levels_taller(struct kunit *test)
{
	for (int h = MAPLE_PREALLOC_HEIGHT + 1; h < MAPLE_HEIGHT_MAX; h++) {
		expect_most(test, store_most(h - 2, h), h * 3);
		KUNIT_EXPECT_EQ(test, store_most(h - 3, h), -ENOMEM);
	}
}

/* Of all types of stores, one asks for that many nodes, and none for more. */
static void asks_for_most(struct kunit *test)
{
	MA_STATE(mas, &mt, 1, 2);
	MA_WR_STATE(wr_mas, &mas, value(1));

	for (int h = 1; h <= MAPLE_HEIGHT_MAX; h++) {
		unsigned long most = 0;

		mt_set_height(&mt, h);
		for (mas.store_type = wr_new_root; mas.store_type <= wr_slot_store;
		     mas.store_type++)
			most = max(most, mas_prealloc_calc(&wr_mas, value(1)));
		KUNIT_EXPECT_EQ(test, most, h * 3 + 1);
	}
}

/* The fewest entries that a tree of this height can have, from the proof */
static u64 fewest_entries(int height)
{
	u64 entries = 2 * ((mt_min_slots[maple_leaf_64] + 2) / 2);

	for (int h = 2; h < height; h++)
		entries *= mt_min_slots[inner_type()] + 1;
	return entries - 1;
}

static void build(struct rnd *r, int height, bool full)
{
	mt_validate(&mt);	/* no node has too few slots in use */
	mtree_destroy(&mt);
	if (full)
		new_tree(height, true);
	while (mt_height(&mt) < height) {
		unsigned long index = rnd_below(r, BORDER);

		CHECK(!mtree_store_range(&mt, index, index + WIDTH - 1, value(index), GFP_KERNEL));
	}
}

/* Erases, but does not make the tree lower.  Returns how many entries are left over. */
static u64 erase_most(void)
{
	unsigned long index = 0;
	u64 left = 0;
	void *entry;

	mt_for_each(&mt, entry, index, ULONG_MAX) {
		struct maple_tree copy = MTREE_INIT(copy, mt_attr(&mt));

		CHECK(!__mt_dup(&mt, &copy, GFP_KERNEL));
		mtree_erase(&copy, index - 1);
		if (mt_height(&copy) == mt_height(&mt))
			mtree_erase(&mt, index - 1);
		else
			left++;
		mtree_destroy(&copy);
	}
	return left;
}

static void has_fewest_entries(struct kunit *test)
{
	struct rnd r = rnd_seed(seed);

	for (int h = 2; h <= FULL_HEIGHT; h++) {
		build(&r, h, false);
		KUNIT_EXPECT_EQ(test, erase_most(), fewest_entries(h));
	}
	KUNIT_EXPECT_LE(test, MAPLE_PREALLOC_ENTRIES, fewest_entries(MAPLE_PREALLOC_HEIGHT + 1));
}

/* The last index of a node, or of an entry */
static unsigned long random_border(struct rnd *r)
{
	MA_STATE(mas, &mt, 0, 0);

	mas_start(&mas);
	for (int depth = rnd_below(r, mt_height(&mt)); depth >= 0; depth--) {
		mas.offset = rnd_below(r, mas_data_end(&mas) + 1);
		mas_descend(&mas);
	}
	return mas.max;
}

/* Stores across one border, or from one to another.  If it wraps, the ends are swapped. */
static int random_store(struct ma_state *mas, struct rnd *r)
{
	unsigned long index = random_border(r);
	unsigned long last = rnd_below(r, 32) ? index : random_border(r);

	index -= rnd_below(r, WIDTH);
	last += rnd_below(r, WIDTH);
	mas_set_range(mas, min(index, last), max(index, last));
	CHECK(!mas_reserve(mas, GFP_KERNEL));
	return store(mas, rnd_below(r, 3) ? value(index) : NULL);
}

/* A search that does not find the worst case would not find a worse one. */
static void search(struct kunit *test)
{
	MA_STATE(mas, &mt, 0, 0);
	struct rnd r = rnd_seed(seed);

	for (int h = 1; h <= FULL_HEIGHT; h++) {
		int most = 0;

		for (unsigned long i = 0; i < rounds; i++) {
			snprintf(context, sizeof(context), "height %d, store %lu", h, i);
			if (mt_height(&mt) != h || i % 64 == 0)
				build(&r, h, rnd_below(&r, 2));
			most = max(most, random_store(&mas, &r));
		}
		expect_most(test, most, h * 3);
	}
	mas_destroy(&mas);
}

static int init(struct kunit *test)
{
	const struct tree_kind *kind = test->param_value;

	context[0] = '\0';
	mt_init_flags(&mt, kind->flags);
	return 0;
}

static void leave(struct kunit *test)
{
	mt_validate(&mt);
	mtree_destroy(&mt);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, nodes_allocated(), 0);
	KUNIT_EXPECT_EQ(test, lockdep_splats, 0);
}

static struct kunit_case cases[] = {
	TREE_CASE(takes_most_up_to_promised_height),
	TREE_CASE(takes_most_two_levels_taller),
	TREE_CASE(asks_for_most),
	TREE_CASE(has_fewest_entries),
	TREE_CASE(search),
	{}
};

static struct kunit_suite suite = {
	.name = "maple_bound", .init = init, .exit = leave, .test_cases = cases,
};

int main(int argc, char **argv)
{
	return run_suite(argc, argv, &suite, 500);
}
