// SPDX-License-Identifier: GPL-2.0+
/*
 * How many nodes does a store take?
 *
 * mas_preallocate() reserves MAPLE_PREALLOC_NODES nodes with the internal lock.
 * lib/maple_tree.c derives the number from two facts: a store takes at most three
 * nodes per level, and the nodes of a tree are so full that it has to have many
 * entries to be tall.  These tests look for a store or a tree that breaks one of
 * them, make the store that takes the most at every height, and the trees that have
 * the fewest entries.
 */
#define ROUNDS	100	/* of each search */

#include "maple-model.h"

/* With nodes of twice as many slots, lower trees have about as many nodes. */
#define SEARCH_HEIGHT	(MAPLE_32BIT ? 4 : 6)
#define FULL_HEIGHT	(MAPLE_32BIT ? 3 : 4)	/* 32^3, or 16^4 entries at most */
#define SPACE		4096UL	/* indices from one entry to the next */
#define WIDTH		10	/* indices of an entry */

/* A store asks for nodes, and takes them. */
struct use {
	enum store_type type;
	unsigned long asked;
	unsigned long taken;
};

static void ask(struct ma_state *mas, void *entry, struct use *use)
{
	MA_STATE(ask_mas, mas->tree, mas->index, mas->last);
	MA_WR_STATE(wr_mas, &ask_mas, entry);

	mas_wr_prealloc_setup(&wr_mas);
	ask_mas.store_type = mas_wr_store_type(&wr_mas);
	use->type = ask_mas.store_type;
	use->asked = mas_prealloc_calc(&wr_mas, entry);
}

/*
 * Stores with the nodes in @mas, in which the remaining ones stay.  Returns false if
 * there are too few.
 */
static bool store(struct ma_state *mas, void *entry, struct use *use)
{
	unsigned long height = mt_height(mas->tree);
	unsigned long reserved = nodes_reserved(mas);

	ask(mas, entry, use);
	mas_lock(mas);
	mas_store(mas, entry);
	mas_unlock(mas);
	use->taken = reserved - nodes_reserved(mas);
	if (mas_is_err(mas)) {
		CHECK(xa_err(mas->node) == -ENOMEM);
		CHECK(!use->taken && use->asked > reserved);
		mas_reset(mas);
		return false;
	}

	CHECK(use->taken <= use->asked);
	CHECK(use->asked <= height * 3 + 1);
	/* Where there is no node, at most the root is new. */
	CHECK(use->taken <= (height ? height * 3 : 1));
	return true;
}

/*
 * Trees in which all nodes are full.  A store only reads the nodes on the ways to
 * the leaves that it changes.  So only those on the ways to BORDER and to the index
 * after it need to be there; their other children are empty nodes.
 */
#define BORDER	(ULONG_MAX / 2)

enum nodes {
	ALL,
	BOTH_WAYS,		/* to BORDER, and to the index after it */
	WAY_TO_BORDER,		/* at the right side */
	WAY_AFTER_BORDER,	/* at the left side */
};

static enum maple_type type_at(struct maple_tree *mt, unsigned int height)
{
	if (height == 1)
		return maple_leaf_64;
	return mt_is_alloc(mt) ? maple_arange_64 : maple_range_64;
}

static struct maple_enode *new_node(enum maple_type type)
{
	struct maple_node *node = mt_alloc_one(GFP_KERNEL);

	memset(node, 0, sizeof(*node));
	return mt_mk_node(node, type);
}

/* The last index of the slots of a full node */
static void full_pivots(struct maple_tree *mt, unsigned int height,
			unsigned long min, unsigned long max, enum nodes nodes,
			int way, unsigned long *pivots)
{
	enum maple_type type = type_at(mt, height);
	unsigned long span = SPACE;

	for (unsigned int h = 1; h < height; h++)
		span *= mt_slots[type_at(mt, h)];

	for (int i = 0, nr = mt_slots[type]; i < nr - 1; i++) {
		if (nodes == ALL)
			pivots[i] = min + (i + 1) * span - 1;
		else if (i < way)
			pivots[i] = min + i;	/* one index */
		else if (i == way && nodes == BOTH_WAYS)
			pivots[i] = BORDER;
		else
			pivots[i] = max - (nr - 1 - i);
	}
}

static struct maple_enode *full_node(struct maple_tree *mt, unsigned int height,
				     unsigned long min, unsigned long max,
				     enum nodes nodes)
{
	enum maple_type type = type_at(mt, height);
	struct maple_enode *enode = new_node(type);
	struct maple_node *node = mte_to_node(enode);
	unsigned long *pivots = ma_pivots(node, type);
	void __rcu **slots = ma_slots(node, type);
	int nr = mt_slots[type];
	int way = nodes == WAY_TO_BORDER ? nr - 1 :
		  nodes == WAY_AFTER_BORDER ? 0 : nr / 2 - 1;

	MA_STATE(mas, mt, 0, 0);

	full_pivots(mt, height, min, max, nodes, way, pivots);
	if (type == maple_arange_64)
		ma_set_meta(node, type, 0, nr - 1);

	for (int i = 0; i < nr; i++) {
		unsigned long child_min = i ? pivots[i - 1] + 1 : min;
		unsigned long child_max = i < nr - 1 ? pivots[i] : max;
		enum nodes child = nodes;

		if (nodes == BOTH_WAYS)
			child = i == way ? WAY_TO_BORDER : WAY_AFTER_BORDER;
		if (height == 1)
			slots[i] = value(i + 1);
		else if (nodes == ALL || i == way ||
			 (i == way + 1 && nodes == BOTH_WAYS))
			slots[i] = full_node(mt, height - 1, child_min,
					     child_max, child);
		else
			slots[i] = new_node(type_at(mt, height - 1));
	}
	if (height > 1)
		mas_set_parent_slots(&mas, enode, slots, 0, nr);
	return enode;
}

static void full_tree(struct maple_tree *mt, unsigned int height,
		      enum nodes nodes)
{
	struct maple_enode *root = full_node(mt, height, 0, ULONG_MAX, nodes);

	mte_to_node(root)->parent = ma_parent_ptr((unsigned long)mt |
						  MA_ROOT_PARENT);
	mt_set_height(mt, height);
	rcu_assign_pointer(mt->ma_root, mte_mk_root(root));
}

static void free_tree(struct maple_enode *enode)
{
	enum maple_type type = mte_node_type(enode);
	struct maple_node *node = mte_to_node(enode);

	for (int i = 0; !ma_is_leaf(type) && i < mt_slots[type]; i++) {
		struct maple_enode *child = ma_slots(node, type)[i];

		/* The last slot may hold metadata. */
		if (!mte_to_node(child) || mte_parent(child) != node)
			break;
		free_tree(child);
	}
	kfree(node);
}

/*
 * Reserves when the tree has the height @before.  When it has the height @height,
 * stores what takes the most there: the entries at BORDER and after it keep a part
 * of their ranges, so there is one entry more than the two leaves have room for.
 */
static struct use store_most(const struct tree_kind *kind, unsigned int before,
			     unsigned int height, bool enough)
{
	struct maple_tree mt;
	struct use use;

	MA_STATE(mas, &mt, BORDER, BORDER + 1);

	snprintf(context, sizeof(context), "height %u, was %u", height, before);
	mt_init_flags(&mt, kind->flags);
	mt_set_height(&mt, before);
	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	mt_set_height(&mt, 0);
	if (height)
		full_tree(&mt, height, BOTH_WAYS);

	CHECK(store(&mas, value(1000), &use) == enough);
	CHECK(mt_height(&mt) == height + enough);
	CHECK((mtree_load(&mt, BORDER) == value(1000)) == enough);
	CHECK((mtree_load(&mt, BORDER + 1) == value(1000)) == enough);
	if (height) {
		CHECK(mtree_load(&mt, BORDER - 1) != value(1000));
		CHECK(mtree_load(&mt, BORDER - 1));
		CHECK(mtree_load(&mt, BORDER + 2) != value(1000));
		CHECK(mtree_load(&mt, BORDER + 2));
	}

	mas_destroy(&mas);
	rcu_barrier();
	free_tree(mt.ma_root);
	CHECK(!nodes_allocated());
	return use;
}

/*
 * In the trees that are promised, whatever they were when the nodes were reserved;
 * in taller ones, if they have become two levels taller since, but not three.
 */
static void check_most(const struct tree_kind *kind)
{
	printf("  height:      asks for, takes\n");
	for (unsigned int h = 0; h < MAPLE_HEIGHT_MAX; h++) {
		bool promised = h <= MAPLE_PREALLOC_HEIGHT;
		struct use use = store_most(kind, promised ? 0 : h - 2, h, true);

		CHECK(use.taken == (h ? h * 3 : 1));
		if (!promised)
			store_most(kind, h - 3, h, false);
		printf("  %6u: %12lu, %5lu\n", h, use.asked, use.taken);
	}
}

/* The fewest entries that a tree of this height can have, from the proof */
static u64 fewest_entries(const struct tree_kind *kind, unsigned int height)
{
	bool alloc = kind->flags & MT_FLAGS_ALLOC_RANGE;
	enum maple_type type = alloc ? maple_arange_64 : maple_range_64;
	u64 entries = 2 * ((mt_min_slots[maple_leaf_64] + 2) / 2);

	while (height-- > 2)
		entries *= mt_min_slots[type] + 1;
	return entries - 1;
}

static u64 count_entries(struct maple_tree *mt)
{
	unsigned long index = 0;
	u64 entries = 0;
	void *entry;

	mt_for_each(mt, entry, index, ULONG_MAX)
		entries++;
	return entries;
}

/* Erases one entry after the other, in order, but for those without which the height is less. */
static u64 erase_most(struct maple_tree *mt, struct rnd *r, unsigned int height)
{
	struct maple_tree copy;
	bool erased = true;

	while (erased) {
		unsigned long index = 0;
		void *entry;

		erased = false;
		mt_for_each(mt, entry, index, ULONG_MAX) {
			if (!rnd_below(r, 3))
				continue;
			mt_init_flags(&copy, mt->ma_flags & ~MT_FLAGS_HEIGHT_MASK);
			CHECK(!__mt_dup(mt, &copy, GFP_KERNEL));
			mtree_erase(mt, index - 1);
			if (mt_height(mt) == height) {
				erased = true;
			} else {
				mtree_destroy(mt);
				CHECK(!__mt_dup(&copy, mt, GFP_KERNEL));
			}
			mtree_destroy(&copy);
		}
	}
	return count_entries(mt);
}

/* What mas_prealloc_calc() asks for, for any type of store. */
static void check_calc(const struct tree_kind *kind)
{
	struct maple_tree mt = MTREE_INIT(mt, kind->flags);

	MA_STATE(mas, &mt, 1, 2);

	for (int height = 1; height <= MAPLE_HEIGHT_MAX; height++) {
		mt_set_height(&mt, height);
		for (int type = wr_new_root; type <= wr_slot_store; type++) {
			MA_WR_STATE(wr_mas, &mas, value(1));
			unsigned long asked;

			snprintf(context, sizeof(context), "%s, height %d",
				 store_type_names[type], height);
			mas.store_type = type;
			asked = mas_prealloc_calc(&wr_mas, value(1));
			CHECK(asked <= height * 3 + 1);
			CHECK(type != wr_spanning_store || asked == height * 3 + 1);
		}
	}
}

/* The least entries that a node which is not the root has had, by type */
static unsigned int least_seen[ARRAY_SIZE(mt_min_slots)];

/* A node that is not the root has more than mt_min_slots[] entries. */
static void check_nodes(struct maple_enode *enode, unsigned long max,
			unsigned int height)
{
	enum maple_type type = mte_node_type(enode);
	struct maple_node *node = mte_to_node(enode);
	unsigned long *pivots = ma_pivots(node, type);
	void __rcu **slots = ma_slots(node, type);
	unsigned char end = ma_data_end(node, type, pivots, max);
	unsigned int least = mt_min_slots[type] + 1;
	bool bottom = height == 1;

	if (ma_is_root(node))
		least = ma_is_leaf(type) ? 1 : 2;
	else if (end + 1 < least_seen[type])
		least_seen[type] = end + 1;
	if (end + 1 < least || ma_is_leaf(type) != bottom)
		CHECK(!"a node with too few entries, or at a wrong height");
	if (bottom)
		return;

	for (unsigned char i = 0; i <= end; i++)
		check_nodes(slots[i], i < end ? pivots[i] : max, height - 1);
}

static void check_occupancy(struct maple_tree *mt)
{
	if (mt_height(mt))
		check_nodes(mt->ma_root, ULONG_MAX, mt_height(mt));
	checks++;
}

/* The last index of a node at random, which is not the last of all nodes. */
static unsigned long random_border(struct maple_tree *mt, struct rnd *r)
{
	MA_STATE(mas, mt, 0, 0);
	int depth;

	mas_start(&mas);
	if (!mas_is_active(&mas) || mte_is_leaf(mas.node))
		return rnd_below(r, SPACE);

	for (depth = rnd_below(r, mt_height(mt) - 1); depth >= 0; depth--) {
		mas.offset = rnd_below(r, mas_data_end(&mas) + 1);
		mas_descend(&mas);
	}
	return mas.max == ULONG_MAX ? mas.min - 1 : mas.max;
}

static void random_store(struct ma_state *mas, struct rnd *r,
			 unsigned long entries, void **entry)
{
	unsigned long index = rnd_below(r, entries * SPACE);
	unsigned long last = index + rnd_below(r, 8);

	*entry = rnd_below(r, 3) ? value(rnd(r)) : NULL;
	switch (rnd_below(r, 8)) {
	case 0:
		mas_set(mas, index);
		mas_walk(mas);
		index = mas->index;
		last = mas->last;
		break;
	case 1:
		last = index + rnd_below(r, rnd_below(r, 50) ? 20 * SPACE :
					 entries * SPACE / 4);
		break;
	case 2:
	case 3:
		break;
	default:
		index = random_border(mas->tree, r);
		last = index + 1 + rnd_below(r, WIDTH);
		index -= rnd_below(r, min(index + 1, (unsigned long)WIDTH));
	}
	if (last < index)
		last = index;
	mas_set_range(mas, index, last);
}

/* What a search has seen. */
static struct {
	unsigned long nr;
	struct use most;
} seen[SEARCH_HEIGHT + 1][ARRAY_SIZE(store_type_names)];

static void search_store(struct ma_state *mas, void *entry)
{
	unsigned int height = mt_height(mas->tree);
	struct use use, *most;

	CHECK(!mas_preallocate(mas, NULL, GFP_KERNEL));
	CHECK(nodes_reserved(mas) == MAPLE_PREALLOC_NODES);
	CHECK(store(mas, entry, &use));
	check_occupancy(mas->tree);
	seen[height][use.type].nr++;
	most = &seen[height][use.type].most;
	most->asked = max(most->asked, use.asked);
	most->taken = max(most->taken, use.taken);
}

enum how { IN_ORDER, AT_RANDOM, ALL_FULL, NR_HOW };

/* An ALL_FULL tree above FULL_HEIGHT would be too large: that is built AT_RANDOM. */
static unsigned long build(struct maple_tree *mt, struct rnd *r,
			   unsigned int height, enum how how)
{
	unsigned long entries = 0;

	mtree_destroy(mt);
	if (how == ALL_FULL && height <= FULL_HEIGHT) {
		full_tree(mt, height, ALL);
		entries = 1;
		for (unsigned int h = 1; h <= height; h++)
			entries *= mt_slots[type_at(mt, h)];
		return entries;
	}

	while (mt_height(mt) < height) {
		unsigned long index = (how == IN_ORDER ? entries :
				       rnd_below(r, 2 * entries + 20)) * SPACE;

		CHECK(!mtree_store_range(mt, index, index + WIDTH - 1,
					 value(entries), GFP_KERNEL));
		entries++;
	}
	return entries;
}

/* The stores that take the most are those that ask for the most. */
static void search(struct maple_tree *mt, struct rnd *r, unsigned int height,
		   unsigned long stores)
{
	unsigned long entries = 0, builds = height > FULL_HEIGHT ? 6 : 60;
	unsigned long built = 0;

	MA_STATE(mas, mt, 0, 0);

	for (unsigned long i = 0; i < stores; i++) {
		unsigned long index = 0, last = 0, asked = 0;
		void *entry = NULL;

		snprintf(context, sizeof(context), "height %u, store %lu", height, i);
		if (mt_height(mt) != height || !(i % (stores / builds + 1)))
			entries = build(mt, r, height, built++ % NR_HOW);
		for (int n = i % 2 ? 8 : 1; n; n--) {
			struct use use;
			void *e;

			random_store(&mas, r, entries, &e);
			ask(&mas, e, &use);
			if (use.asked < asked)
				continue;
			asked = use.asked;
			index = mas.index;
			last = mas.last;
			entry = e;
		}
		mas_set_range(&mas, index, last);
		search_store(&mas, entry);
	}
	mas_destroy(&mas);
}

/* Trees with as few entries as erasing leaves, and the arithmetic beyond */
static void check_fewest(const struct tree_kind *kind)
{
	struct rnd r = rnd_seed(seed);
	struct maple_tree mt;

	mt_init_flags(&mt, kind->flags);
	printf("  height:   fewest entries, seen\n");
	for (unsigned int h = 2; h <= MAPLE_PREALLOC_HEIGHT + 1; h++) {
		u64 fewest = fewest_entries(kind, h), seen = ULLONG_MAX;

		snprintf(context, sizeof(context), "height %u", h);
		for (int i = 0; h <= FULL_HEIGHT && i < rounds / 10; i++) {
			build(&mt, &r, h, IN_ORDER);
			seen = min(seen, erase_most(&mt, &r, h));
			check_occupancy(&mt);
		}
		CHECK(seen >= fewest);
		CHECK(h > FULL_HEIGHT || rounds < ROUNDS || seen == fewest);
		CHECK(h <= MAPLE_PREALLOC_HEIGHT || fewest >= MAPLE_PREALLOC_ENTRIES);
		printf("  %6u: %16llu", h, (unsigned long long)fewest);
		if (seen != ULLONG_MAX)
			printf(", %4llu", (unsigned long long)seen);
		printf("\n");
	}
	mtree_destroy(&mt);
	rcu_barrier();
	CHECK(!nodes_allocated());
}

static void check_search(const struct tree_kind *kind)
{
	static const unsigned long stores[] = {	/* in a round */
		[1] = 1000, [2] = 500, [3] = 100, [4] = 20, [5] = 10, [6] = 10,
	};
	struct rnd r = rnd_seed(seed);
	struct maple_tree mt;

	memset(seen, 0, sizeof(seen));
	memset(least_seen, 0xff, sizeof(least_seen));
	mt_init_flags(&mt, kind->flags);
	for (unsigned int h = 1; h <= SEARCH_HEIGHT; h++) {
		unsigned long most = 0;

		search(&mt, &r, h, stores[h] * rounds);
		for (int t = 0; t < ARRAY_SIZE(store_type_names); t++)
			most = max(most, seen[h][t].most.taken);
		/* Else this is not much of a search. */
		CHECK(rounds < ROUNDS || h > FULL_HEIGHT || most == 3 * h);
	}
	for (int i = 0; i < 2; i++) {
		int type = i ? type_at(&mt, 2) : maple_leaf_64;

		printf("%s tree: %s nodes with %u entries, and no fewer\n",
		       kind->name, i ? "inner" : "leaf", least_seen[type]);
		CHECK(rounds < ROUNDS || least_seen[type] == mt_min_slots[type] + 1);
	}
	mtree_destroy(&mt);
	rcu_barrier();
	CHECK(!nodes_allocated());

	printf("%s tree: stores; nodes that they asked for, and took, at most\nheight",
	       kind->name);
	for (int t = wr_exact_fit; t < ARRAY_SIZE(store_type_names); t++)
		printf("  %18s", store_type_names[t]);
	printf("\n");
	for (int h = 1; h <= SEARCH_HEIGHT; h++) {
		printf("%6d", h);
		for (int t = wr_exact_fit; t < ARRAY_SIZE(store_type_names); t++)
			printf("  %9lu; %2lu, %2lu", seen[h][t].nr,
			       seen[h][t].most.asked, seen[h][t].most.taken);
		printf("\n");
	}
}

static const struct test tests[] = {
	{ "the fewest entries", check_fewest },
	{ "what a store asks for", check_calc },
	{ "the store that takes the most", check_most },
	{ "search", check_search },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
