// SPDX-License-Identifier: GPL-2.0+
/*
 * Does a preallocated store hold?
 *
 * With the internal lock, mas_preallocate() reserves outside the lock for a
 * store that is made under it later.  In between the tree becomes another one.
 * The tests follow what the kernel-doc of the two functions promises.
 */
#define ROUNDS	20000

#include "maple-model.h"

#define TEN	10	/* entries, i * 10 to i * 10 + 5, before the reservation */

/* The external lock: a mutex, under which memory can be allocated. */
static pthread_mutex_t external_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock(struct ma_state *mas)
{
	if (mt_external_lock(mas->tree))
		pthread_mutex_lock(&external_lock);
	else
		mas_lock(mas);
}

static void unlock(struct ma_state *mas)
{
	if (mt_external_lock(mas->tree))
		pthread_mutex_unlock(&external_lock);
	else
		mas_unlock(mas);
}

/* One of the others who change the tree. */
static void other_store(struct maple_tree *mt, struct model *m,
			unsigned long index, unsigned long last, void *entry)
{
	MA_STATE(mas, mt, index, last);

	lock(&mas);
	CHECK(!mas_store_gfp(&mas, entry, GFP_KERNEL));
	unlock(&mas);
	model_store(m, index, last, entry);
}

static void reserve(struct ma_state *mas)
{
	if (mt_external_lock(mas->tree))
		CHECK(!mas_reserve(mas, GFP_KERNEL));
	else
		CHECK(!mas_preallocate(mas, NULL, GFP_KERNEL));
}

static void ten_entries(struct maple_tree *mt, struct model *m)
{
	for (unsigned long i = 0; i < TEN; i++)
		other_store(mt, m, i * 10, i * 10 + 5, value(i + 1));
}

/* Stores from the reservation, under the lock, without an allocation. */
static int store_prealloc(struct ma_state *mas, void *entry)
{
	unsigned long refused = kmem_cache_refused;
	unsigned long splats = lockdep_splats;
	int ret;

	lock(mas);
	kmem_cache_refuse = true;
	ret = mas_store_prealloc(mas, entry);
	kmem_cache_refuse = false;
	unlock(mas);
	CHECK(kmem_cache_refused == refused);
	CHECK(lockdep_splats == splats);
	/* Only what mas_reserve() has reserved is left to the user. */
	if (!ret && mt_external_lock(mas->tree))
		mas_destroy(mas);
	return ret;
}

/* The promise itself: it is stored, all of it, and nothing else is changed. */
static void promise(struct ma_state *mas, struct model *m, void *entry)
{
	unsigned long index = mas->index;
	unsigned long last = mas->last;

	CHECK(!store_prealloc(mas, entry));
	if (entry)
		CHECK(mas->index == index && mas->last == last);
	else
		CHECK(mas->index <= index && mas->last >= last);
	CHECK(!nodes_reserved(mas));
	model_store(m, index, last, entry);
	check_tree(mas->tree, m);
}

static void check_store(struct ma_state *mas, struct model *m, void *entry)
{
	promise(mas, m, entry);
	check_all(mas->tree, m);
}

/* Nothing has been changed, and the state can be used again. */
static void check_failed(struct ma_state *mas, struct model *m, void *entry,
			 int error)
{
	unsigned long index = mas->index;
	unsigned long last = mas->last;
	unsigned long nodes = nodes_reserved(mas);

	CHECK(store_prealloc(mas, entry) == error);
	CHECK(mas->index == index && mas->last == last);
	CHECK(mas->status == ma_start);
	CHECK(nodes_reserved(mas) == nodes);
	check_reserved(mas->tree, m, nodes);
}

/*
 * What others do to a tree of ten entries.
 */
static void grow(struct maple_tree *mt, struct model *m, unsigned long n)
{
	struct rnd r = rnd_seed(seed + n);

	while (n--) {
		unsigned long index = rnd_below(&r, 100000);

		other_store(mt, m, index, index + rnd_below(&r, 6),
			    value(rnd(&r)));
	}
}

static void empty(struct maple_tree *mt, struct model *m, unsigned long n)
{
	grow(mt, m, n);
	while (m->nr) {
		unsigned long index = m->range[m->nr / 2].index;
		unsigned long last = m->range[m->nr / 2].last;

		MA_STATE(mas, mt, index, index);

		lock(&mas);
		CHECK(mas_erase(&mas));
		unlock(&mas);
		model_store(m, index, last, NULL);
	}
}

static void empty_at_once(struct maple_tree *mt, struct model *m,
			  unsigned long n)
{
	grow(mt, m, n);
	other_store(mt, m, 0, ULONG_MAX, NULL);
}

static void one_entry(struct maple_tree *mt, struct model *m, unsigned long n)
{
	empty(mt, m, n);
	other_store(mt, m, 0, 0, value(1));
}

static void whole_range(struct maple_tree *mt, struct model *m, unsigned long n)
{
	grow(mt, m, n);
	other_store(mt, m, 0, ULONG_MAX, value(n));
}

static void rebuild(struct maple_tree *mt, struct model *m, unsigned long n)
{
	grow(mt, m, n);
	mtree_destroy(mt);
	model_free(m);
	grow(mt, m, n);
}

static const struct change {
	const char *name;
	void (*make)(struct maple_tree *mt, struct model *m, unsigned long n);
} changes[] = {
	{ "grow", grow },
	{ "erase one by one", empty },
	{ "erase at once", empty_at_once },
	{ "leave one entry at 0", one_entry },
	{ "fill the range", whole_range },
	{ "destroy and rebuild", rebuild },
};

static const unsigned long change_counts[] = { 0, 1, 50, 5000 };

/*
 * The store that was reserved for.  The last two bits of an entry decide if it
 * can live in the root pointer: all four of them.
 */
static const struct range stores[] = {
	{ 0, 0, (void *)0x1001 },
	{ 0, 0, (void *)0x1002 },
	{ 0, 0, (void *)0x1003 },
	{ 0, 0, (void *)0x1004 },
	{ 0, 0, NULL },
	{ 20, 25, (void *)0x1001 },		/* an entry, exactly */
	{ 22, 23, (void *)0x1001 },		/* inside one */
	{ 26, 29, (void *)0x1001 },		/* a gap, exactly */
	{ 20, 25, NULL },
	{ 7, 93, (void *)0x1001 },		/* over several */
	{ 7, 93, NULL },
	{ 3, 70000, (void *)0x1001 },		/* over most of what grew */
	{ 3, 70000, NULL },
	{ 0, ULONG_MAX, (void *)0x1001 },
	{ 0, ULONG_MAX, NULL },
	{ ULONG_MAX, ULONG_MAX, (void *)0x1001 },
	{ ULONG_MAX, ULONG_MAX, NULL },
	{ 200, ULONG_MAX, (void *)0x1001 },
	{ 1, ULONG_MAX - 1, NULL },
};

/* For each store a tree of its own, so that they can share the grace periods. */
static struct job {
	struct maple_tree mt;
	struct model m;
	struct ma_state mas;
} jobs[ARRAY_SIZE(stores)];

static void setup_job(struct job *job, const struct tree_kind *kind)
{
	MA_STATE(mas, &job->mt, 0, 0);

	setup(&job->mt, &job->m, kind);
	ten_entries(&job->mt, &job->m);
	job->mas = mas;
}

static void run_job(struct job *job, const struct range *store)
{
	struct ma_state *mas = &job->mas;

	/* Moved without a reset: mas_set_range() would hide where it was. */
	mas->index = store->index;
	mas->last = store->last;
	promise(mas, &job->m, store->entry);
}

static void finish_jobs(void)
{
	unsigned long nodes = 0;

	for (int s = 0; s < ARRAY_SIZE(jobs); s++)
		nodes += count_nodes(&jobs[s].mt);
	rcu_barrier();
	CHECK(nodes_allocated() == nodes);
	for (int s = 0; s < ARRAY_SIZE(jobs); s++) {
		mtree_destroy(&jobs[s].mt);
		model_free(&jobs[s].m);
	}
	rcu_barrier();
	CHECK(!nodes_allocated());
}

static void check_scenario(const struct tree_kind *kind,
			   const struct change *change, unsigned long n)
{
	for (int s = 0; s < ARRAY_SIZE(stores); s++) {
		const struct range *store = &stores[s];
		struct job *job = &jobs[s];

		snprintf(context, sizeof(context),
			 "%s %lu, store [%lu, %lu] %p", change->name, n,
			 store->index, store->last, store->entry);
		setup_job(job, kind);
		/* Large trees take time: only let all stores meet one that grew. */
		if (n >= 1000 && change->make != grow && s % 6 != 1)
			continue;

		mas_set_range(&job->mas, store->index, store->last);
		reserve(&job->mas);
		change->make(&job->mt, &job->m, n);
		run_job(job, store);
	}
	snprintf(context, sizeof(context), "%s %lu", change->name, n);
	finish_jobs();
}

static void check_scenarios(const struct tree_kind *kind)
{
	for (int c = 0; c < ARRAY_SIZE(changes); c++)
		for (int n = 0; n < ARRAY_SIZE(change_counts); n++)
			check_scenario(kind, &changes[c], change_counts[n]);
}

/*
 * The state may have been left anywhere, at a node that has been freed.  Each of
 * these is called under the lock, on a tree with the ten entries.
 */
static void leave_walk(struct ma_state *mas)
{
	mas_set(mas, 42);
	mas_walk(mas);
}

static void leave_find(struct ma_state *mas)
{
	mas_set(mas, 27);
	CHECK(mas_find(mas, ULONG_MAX));
}

static void leave_overflow(struct ma_state *mas)
{
	mas_set(mas, 42);
	while (mas_next(mas, ULONG_MAX))
		;
}

static void leave_underflow(struct ma_state *mas)
{
	mas_set(mas, 42);
	while (mas_prev(mas, 0))
		;
}

static void leave_none(struct ma_state *mas)
{
	__mt_destroy(mas->tree);
	mas_set(mas, 5);
	mas_walk(mas);
}

static void leave_root(struct ma_state *mas)
{
	__mt_destroy(mas->tree);
	mas_set(mas, 0);
	mas_store(mas, value(1));	/* needs no node */
	mas_set(mas, 0);
	mas_walk(mas);
}

static void leave_pause(struct ma_state *mas)
{
	leave_find(mas);
	mas_pause(mas);
}

static void leave_empty_area(struct ma_state *mas)
{
	mas_reset(mas);
	CHECK(!mas_empty_area(mas, 0, 100, 3));
}

static void leave_empty_area_rev(struct ma_state *mas)
{
	mas_reset(mas);
	CHECK(!mas_empty_area_rev(mas, 0, 100, 3));
}

static void leave_no_area(struct ma_state *mas)
{
	mas_reset(mas);
	CHECK(mas_empty_area(mas, 0, 90, 5) == -EBUSY);
}

static void leave_error(struct ma_state *mas)
{
	mas_set_err(mas, -ENOMEM);
}

static const struct leave {
	const char *name;
	void (*at)(struct ma_state *mas);
	enum maple_status status;
	bool alloc;	/* in an allocation tree only */
} leaves[] = {
	{ "mas_walk()", leave_walk, ma_active },
	{ "mas_find()", leave_find, ma_active },
	{ "the end", leave_overflow, ma_overflow },
	{ "the start", leave_underflow, ma_underflow },
	{ "an empty tree", leave_none, ma_none },
	{ "an entry in the root", leave_root, ma_root },
	{ "mas_pause()", leave_pause, ma_pause },
	{ "an error", leave_error, ma_error },
	{ "mas_empty_area()", leave_empty_area, ma_active, true },
	{ "mas_empty_area_rev()", leave_empty_area_rev, ma_active, true },
	{ "no empty area", leave_no_area, ma_error, true },
};

/* @again: reserve from that state too, when its node has been freed */
static void check_state(const struct tree_kind *kind, const struct leave *leave,
			bool again)
{
	snprintf(context, sizeof(context), "left at %s", leave->name);
	for (int s = 0; s < ARRAY_SIZE(stores); s++) {
		struct job *job = &jobs[s];
		struct ma_state *mas = &job->mas;

		setup_job(job, kind);
		reserve(mas);
		lock(mas);
		leave->at(mas);
		unlock(mas);
		CHECK(mas->status == leave->status);
		mtree_destroy(&job->mt);
		model_free(&job->m);
	}
	rcu_barrier();	/* The nodes are gone, whatever the kind of tree. */

	for (int s = 0; s < ARRAY_SIZE(stores); s++) {
		const struct range *store = &stores[s];
		struct job *job = &jobs[s];

		snprintf(context, sizeof(context),
			 "left at %s, store [%lu, %lu] %p", leave->name,
			 store->index, store->last, store->entry);
		grow(&job->mt, &job->m, 100);
		if (again)
			reserve(&job->mas);
		run_job(job, store);
	}
	snprintf(context, sizeof(context), "left at %s", leave->name);
	finish_jobs();
}

static void check_states(const struct tree_kind *kind)
{
	for (int l = 0; l < ARRAY_SIZE(leaves); l++) {
		if (leaves[l].alloc && !(kind->flags & MT_FLAGS_ALLOC_RANGE))
			continue;
		check_state(kind, &leaves[l], false);
		check_state(kind, &leaves[l], true);
	}
}

/* An empty range is found under the lock, and stored without an allocation. */
static void check_empty_area(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 0, 0);

	setup(&mt, &m, kind);
	ten_entries(&mt, &m);
	for (int i = 0; i < 500; i++) {
		CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
		mas_lock(&mas);
		CHECK(!mas_empty_area(&mas, 0, ULONG_MAX, 3));
		model_store(&m, mas.index, mas.last, &m);
		CHECK(!mas_store_prealloc(&mas, &m));
		mas_unlock(&mas);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);
}

/* A NULL takes in the NULLs next to it, which nobody may have reserved for. */
static void check_null(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 20, 25);

	setup(&mt, &m, kind);
	grow(&mt, &m, 500);
	ten_entries(&mt, &m);
	other_store(&mt, &m, 0, 99, value(1));
	for (unsigned long i = 0; i < TEN; i++) {
		other_store(&mt, &m, i * 10, i * 10 + 5, value(2));
		other_store(&mt, &m, i * 10 + 6, i * 10 + 9, NULL);
	}

	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	CHECK(!store_prealloc(&mas, NULL));
	CHECK(mas.index == 16 && mas.last == 29);
	model_store(&m, 20, 25, NULL);
	check_all(&mt, &m);

	/* The range is not wider after a failure: RCU mode needs a node. */
	mas_set_range(&mas, 50, 55);
	if (mt_in_rcu(&mt))
		check_failed(&mas, &m, NULL, -ENOMEM);
	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	check_store(&mas, &m, NULL);
	CHECK(mas.index == 46 && mas.last == 59);

	teardown(&mt, &m);
}

/* A range upside down */
static void check_einval(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 21, 20);

	setup(&mt, &m, kind);
	ten_entries(&mt, &m);
	check_failed(&mas, &m, &m, -EINVAL);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	/* Not at the start, where a failure has to leave it */
	mas_lock(&mas);
	leave_walk(&mas);
	mas_unlock(&mas);
	mas.index = 21;
	mas.last = 20;
	check_failed(&mas, &m, &m, -EINVAL);
	CHECK(nodes_reserved(&mas) == MAPLE_PREALLOC_NODES);

	/* The reservation is still good. */
	mas_set_range(&mas, 20, 21);
	grow(&mt, &m, 500);
	check_store(&mas, &m, &m);
	teardown(&mt, &m);
}

/* A tree without gaps, with nodes of all sizes */
static void no_gaps(struct maple_tree *mt, struct model *m)
{
	struct rnd r = rnd_seed(seed);

	for (unsigned long i = 0; i < 2000; i++)
		other_store(mt, m, i * 10, i * 10 + 9, value(i));
	for (int i = 0; i < 1000; i++) {
		unsigned long index = rnd_below(&r, 2000) * 10;

		other_store(mt, m, index, index, value(i));
	}
}

/* Moves @mas to where a store of @entry splits a node, and so needs some. */
static void find_split(struct ma_state *mas, void *entry)
{
	MA_STATE(find, mas->tree, 0, 0);

	while (mas_find(&find, ULONG_MAX)) {
		MA_WR_STATE(wr_mas, mas, entry);

		if (find.last - find.index < 3)
			continue;

		mas_set_range(mas, find.index + 1, find.index + 2);
		mas_wr_prealloc_setup(&wr_mas);
		if (mas_wr_store_type(&wr_mas) == wr_split_store) {
			mas_reset(mas);
			return;
		}
	}
	CHECK(!"no node to split");
}

static void check_enomem(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 0, 0);

	setup(&mt, &m, kind);
	no_gaps(&mt, &m);

	/* Nothing was reserved. */
	find_split(&mas, &m);
	check_failed(&mas, &m, &m, -ENOMEM);
	CHECK(!nodes_reserved(&mas));

	/* Memory is short, and nothing is reserved then. */
	CHECK(mas_preallocate(&mas, &m, GFP_NOWAIT) == -ENOMEM);
	CHECK(!nodes_reserved(&mas) && mas.status == ma_start);
	check_failed(&mas, &m, &m, -ENOMEM);

	/* It can be done after all. */
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	check_store(&mas, &m, &m);
	CHECK(mas.store_type == wr_split_store);

	/* The reservation has been used up, but not all stores need one. */
	check_store(&mas, &m, value(1));
	CHECK(mas.store_type == wr_exact_fit);
	find_split(&mas, &m);
	check_failed(&mas, &m, &m, -ENOMEM);

	/* Nor does one that removes all that there is in a single node. */
	other_store(&mt, &m, 0, ULONG_MAX, NULL);
	ten_entries(&mt, &m);
	other_store(&mt, &m, 10, ULONG_MAX, NULL);
	CHECK(mt_height(&mt) == 1);
	mas_set_range(&mas, 0, ULONG_MAX);
	check_store(&mas, &m, NULL);
	CHECK(mas.store_type == wr_new_root);
	teardown(&mt, &m);
}

/*
 * mas_store() may be called again and again on one reservation, under one lock,
 * until it is used up.
 */
static void check_mas_store(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;
	struct rnd r = rnd_seed(seed);
	unsigned long refused, nodes, stores = 0, failures = 0;

	MA_STATE(mas, &mt, 0, 0);

	setup(&mt, &m, kind);
	no_gaps(&mt, &m);
	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	while (failures < 20) {
		unsigned long index = rnd_below(&r, 20000);
		unsigned long last = index + rnd_below(&r, 8);
		void *entry = rnd_below(&r, 3) ? value(rnd(&r)) : NULL;

		nodes = nodes_reserved(&mas);
		refused = kmem_cache_refused;
		mas_lock(&mas);
		mas_set_range(&mas, index, last);
		mas_store(&mas, entry);
		mas_unlock(&mas);
		CHECK(refused == kmem_cache_refused);
		if (!mas_is_err(&mas)) {
			CHECK(nodes - nodes_reserved(&mas) <= mas.node_request);
			model_store(&m, index, last, entry);
			/* The nodes do not last for ever. */
			CHECK(++stores < 100000);
			continue;
		}

		CHECK(xa_err(mas.node) == -ENOMEM);
		CHECK(mas.index == index && mas.last == last);
		CHECK(nodes_reserved(&mas) == nodes);
		check_reserved(&mt, &m, nodes);
		/* A top up which fails takes nothing away. */
		CHECK(mas_preallocate(&mas, NULL, GFP_NOWAIT) == -ENOMEM);
		CHECK(mas.status == ma_start);
		CHECK(nodes_reserved(&mas) == nodes);
		CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
		CHECK(nodes_reserved(&mas) == MAPLE_PREALLOC_NODES);
		failures++;
	}
	CHECK(stores > failures);

	/* The retry that mas_store() has always had */
	do {
		unsigned long index = rnd_below(&r, 20000);

		mas_set_range(&mas, index, index + 3);
		mas_lock(&mas);
		do {
			mas_store(&mas, &m);
			failures += mas_is_err(&mas);
		} while (mas_nomem(&mas, GFP_KERNEL));
		mas_unlock(&mas);
		CHECK(!mas_is_err(&mas));
		model_store(&m, index, index + 3, &m);
	} while (failures < 25);

	nodes = nodes_reserved(&mas);
	check_reserved(&mt, &m, nodes);
	mas_destroy(&mas);
	check_all(&mt, &m);

	/* Without a reservation mas_store() asks for memory again. */
	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	mas_destroy(&mas);
	find_split(&mas, &m);
	refused = kmem_cache_refused;
	mas_lock(&mas);
	mas_store(&mas, &m);
	mas_unlock(&mas);
	CHECK(xa_err(mas.node) == -ENOMEM);
	CHECK(kmem_cache_refused > refused);
	mas_destroy(&mas);
	teardown(&mt, &m);
}

/* A reservation is given back, topped up and not leaked. */
static void check_destroy(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 20, 30);

	setup(&mt, &m, kind);
	ten_entries(&mt, &m);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	check_reserved(&mt, &m, MAPLE_PREALLOC_NODES);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	check_reserved(&mt, &m, MAPLE_PREALLOC_NODES);
	mas_destroy(&mas);
	check_all(&mt, &m);

	/* Under the lock too, when the tree has become another one */
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_lock(&mas);
	leave_walk(&mas);
	mas_unlock(&mas);
	rebuild(&mt, &m, 500);
	mas_lock(&mas);
	mas_destroy(&mas);
	mas_unlock(&mas);
	check_all(&mt, &m);

	/* What others call destroys it as well. */
	mas_set_range(&mas, 20, 30);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_lock(&mas);
	CHECK(!mas_store_gfp(&mas, &m, GFP_KERNEL));
	mas_unlock(&mas);
	model_store(&m, 20, 30, &m);
	check_all(&mt, &m);
	mas_set(&mas, 25);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_lock(&mas);
	CHECK(mas_erase(&mas) == &m);
	mas_unlock(&mas);
	model_store(&m, 20, 30, NULL);
	check_all(&mt, &m);

	/* After these, it does not matter that mas_reserve() was called. */
	for (int i = 0; i < 2; i++) {
		CHECK(!mas_reserve(&mas, GFP_KERNEL));
		if (i)
			mas_destroy(&mas);
		CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
		mas_set_range(&mas, 20, 30 + i);
		mas_lock(&mas);
		CHECK(!mas_store_prealloc(&mas, &m));
		mas_unlock(&mas);
		model_store(&m, 20, 30 + i, &m);
		check_all(&mt, &m);
	}
	teardown(&mt, &m);
}

/*
 * One reservation splits a mapping A into A', B and A'': store B, then each
 * rest, which the store of B has left with the entry of A.
 */
static void check_split(const struct tree_kind *kind)
{
	for (int n = 0; n < ARRAY_SIZE(change_counts); n++) {
		struct maple_tree mt;
		struct model m;

		MA_STATE(mas, &mt, 200020, 200029);

		setup(&mt, &m, kind);
		CHECK(!mas_preallocate(&mas, value(2), GFP_KERNEL));
		/* A is mapped after the reservation for B has been made. */
		grow(&mt, &m, change_counts[n]);
		other_store(&mt, &m, 200000, 200099, value(1));

		check_store(&mas, &m, value(2));
		mas_set_range(&mas, 200000, 200019);
		check_store(&mas, &m, value(3));
		mas_set_range(&mas, 200030, 200099);
		check_store(&mas, &m, value(4));
		teardown(&mt, &m);
	}
}

/*
 * mas_reserve() does not need to know the tree, and its nodes are for as many stores
 * as they are enough for, in any tree.
 */
static void check_tree_later(const struct tree_kind *kind)
{
	struct maple_tree trees[2];
	struct model m[2];

	MA_STATE(mas, NULL, 22, 23);

	CHECK(!mas_reserve(&mas, GFP_KERNEL));
	CHECK(nodes_reserved(&mas) == MAPLE_PREALLOC_NODES);
	for (int i = 0; i < 2; i++) {
		setup(&trees[i], &m[i], kind);
		grow(&trees[i], &m[i], 500);
		mas.tree = &trees[i];
		lock(&mas);
		CHECK(!mas_store_prealloc(&mas, m));
		unlock(&mas);
		model_store(&m[i], 22, 23, m);
		check_tree(&trees[i], &m[i]);
	}
	CHECK(nodes_reserved(&mas) >= MAPLE_PREALLOC_NODES - 2 * 3 * mt_height(mas.tree));
	CHECK(!mas_reserve(&mas, GFP_KERNEL));
	CHECK(nodes_reserved(&mas) == MAPLE_PREALLOC_NODES);
	mas_destroy(&mas);
	mtree_destroy(&trees[0]);
	model_free(&m[0]);
	teardown(&trees[1], &m[1]);
}

/* lockdep has something to say when the lock is not held. */
static void check_lockdep(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 20, 30);

	setup(&mt, &m, kind);
	ten_entries(&mt, &m);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(!lockdep_splats);
	CHECK(!mas_store_prealloc(&mas, &m));
	CHECK(lockdep_splats == 1);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_store(&mas, &m);
	CHECK(lockdep_splats == 2);
	mas_destroy(&mas);
	lockdep_splats = 0;
	teardown(&mt, &m);
}

/*
 * With an external lock, held throughout, the exact number of nodes is reserved
 * (check_prealloc() in maple.c).  But it does not crash either when there is no
 * reservation, when it has been used up, or when the state was reset.
 */
static void external_store(struct ma_state *mas, struct model *m, void *entry)
{
	unsigned long index = mas->index;
	unsigned long last = mas->last;

	CHECK(!mas_store_prealloc(mas, entry));
	CHECK(!nodes_reserved(mas));
	model_store(m, index, last, entry);
	mt_validate(mas->tree);
	model_check(m, mas->tree);
}

/* @mas has nothing reserved, and mas_walk() is not the walk of mas_preallocate(). */
static void external_enomem(struct ma_state *mas, struct model *m)
{
	unsigned long index, last;

	find_split(mas, m);
	index = mas->index;
	last = mas->last;
	mas_walk(mas);
	__mas_set_range(mas, index, last);
	CHECK(mas_is_active(mas));
	CHECK(mas_store_prealloc(mas, m) == -ENOMEM);
}

static void check_external(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;
	unsigned long index, last, nodes;

	MA_STATE(mas, &mt, 0, 0);

	setup(&mt, &m, kind);
	no_gaps(&mt, &m);
	mt.ma_flags |= MT_FLAGS_LOCK_EXTERN;
	find_split(&mas, &m);
	index = mas.index;
	last = mas.last;
	CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
	CHECK(mas_preallocate(&mas, &m, GFP_NOWAIT) == -ENOMEM);
	CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
	CHECK(mas.index == index && mas.last == last);

	/* How many nodes are missing is not taken for an offset in a node. */
	mas_walk(&mas);
	for (unsigned long i = roundup(mas.min, 10), end = mas.max; i + 9 <= end; i += 10) {
		mas_set(&mas, i + 4);
		CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
		CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
	}
	mas_set_range(&mas, index, last);

	/* A store without a reservation: its walk is of no use to another one. */
	mas_walk(&mas);
	model_store(&m, mas.index, mas.last, &m);
	mas_store(&mas, &m);
	__mas_set_range(&mas, index, last);
	CHECK(mas_is_active(&mas));
	CHECK(mas_store_prealloc(&mas, &kind) == -ENOMEM);

	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(mas.store_type == wr_split_store && mas_is_active(&mas));
	nodes = nodes_reserved(&mas);
	CHECK(nodes && nodes <= mas_mt_height(&mas) * 2 + 1);
	mas.last = mas.index - 1;
	CHECK(mas_store_prealloc(&mas, &m) == -EINVAL);
	CHECK(nodes_reserved(&mas) == nodes);

	/* What was walked before is not used after an error, either. */
	mas_set(&mas, m.range[0].index);
	mas_walk(&mas);
	CHECK(mas_is_active(&mas));
	external_store(&mas, &m, value(2));
	mas_set_range(&mas, index, last);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	external_store(&mas, &m, &m);

	/* Nor is it after mas_destroy(), or when it asked for no node. */
	find_split(&mas, &m);
	mas_walk(&mas);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(mas.store_type == wr_exact_fit && !nodes_reserved(&mas));
	mas_destroy(&mas);
	external_enomem(&mas, &m);
	find_split(&mas, &m);
	mas_walk(&mas);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas.last = mas.index - 1;
	CHECK(mas_store_prealloc(&mas, &m) == -EINVAL);
	external_enomem(&mas, &m);

	/* The state was reset, as by vma_iter_invalidate(): walk again. */
	find_split(&mas, &m);
	CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_pause(&mas);
	external_store(&mas, &m, &m);

	/* One node does not come from a sheaf: RCU mode needs it. */
	mas_set_range(&mas, 5, 7);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(!mt_in_rcu(&mt) || (mas.alloc && !mas.sheaf));
	mas_pause(&mas);
	external_store(&mas, &m, &m);

	/* An error takes the reservation with it. */
	find_split(&mas, &m);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_set_range(&mas, 105, 19990);
	CHECK(mas_preallocate(&mas, &m, GFP_NOWAIT) == -ENOMEM);
	CHECK(!nodes_reserved(&mas));
	CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);

	/* mas_store() has made the store that was reserved for. */
	find_split(&mas, &m);
	index = mas.index;
	last = mas.last;
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	mas_store(&mas, &m);
	CHECK(!mas_is_err(&mas));
	model_store(&m, index, last, &m);
	external_store(&mas, &m, value(1));

	/* Too few nodes for mas_store(): reserve more, and try again. */
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(!nodes_reserved(&mas));
	find_split(&mas, &m);
	mas_store(&mas, &m);
	CHECK(xa_err(mas.node) == -ENOMEM);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	external_store(&mas, &m, &m);

	/* The root is not stored in without a node, either. */
	other_store(&mt, &m, 0, ULONG_MAX, NULL);
	mas_set_range(&mas, 5, 6);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	CHECK(mas.store_type == wr_store_root);
	mas_destroy(&mas);
	CHECK(mas_store_prealloc(&mas, &m) == -ENOMEM);
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	external_store(&mas, &m, &m);

	mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	check_all(&mt, &m);
	teardown(&mt, &m);
}

/*
 * With an external lock the walk is not repeated: the store finds its place while
 * nobody could, because the root is hidden.
 */
static void check_external_walk(const struct tree_kind *kind)
{
	struct maple_tree mt;
	struct model m;
	void *root;

	MA_STATE(mas, &mt, 10, 19);

	setup(&mt, &m, kind);
	no_gaps(&mt, &m);
	other_store(&mt, &m, 10, 19, value(1));
	mt.ma_flags |= MT_FLAGS_LOCK_EXTERN;
	CHECK(!mas_preallocate(&mas, &m, GFP_KERNEL));
	root = mt.ma_root;
	mt.ma_root = NULL;
	CHECK(!mas_store_prealloc(&mas, &m));
	CHECK(!mt.ma_root);
	mt.ma_root = root;
	model_store(&m, 10, 19, &m);
	mt.ma_flags &= ~MT_FLAGS_LOCK_EXTERN;
	check_all(&mt, &m);
	teardown(&mt, &m);
}

static void check_random(const struct tree_kind *kind)
{
	unsigned long seen[ARRAY_SIZE(store_type_names)] = {};
	struct rnd r = rnd_seed(seed);
	unsigned int height = 0;
	struct maple_tree mt;
	struct range range;
	struct model m;

	setup(&mt, &m, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		bool large = i % 5000 >= 4000;

		MA_STATE(mas, &mt, 0, 0);

		snprintf(context, sizeof(context), "round %lu", i);
		reserve(&mas);
		for (int n = rnd_below(&r, 4); n; n--) {
			random_range(&r, &range, large);
			other_store(&mt, &m, range.index, range.last,
				    range.entry);
		}

		random_range(&r, &range, large);
		/* Stores of each type, exact fits among them, at both ends */
		if (m.nr && !rnd_below(&r, 4)) {
			struct range *at = &m.range[rnd_below(&r, m.nr)];

			range.index = at->index;
			range.last = at->last;
		}
		mas_set_range(&mas, range.index, range.last);
		CHECK(!store_prealloc(&mas, range.entry));
		seen[mas.store_type]++;
		model_store(&m, range.index, range.last, range.entry);
		height = max(height, mt_height(&mt));
		if (!(i % 64))
			check_tree(&mt, &m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);

	printf("  height %u", height);
	if (rounds >= ROUNDS)
		CHECK(height >= (MAPLE_32BIT ? 3 : 4));
	for (int t = wr_new_root; t < ARRAY_SIZE(store_type_names); t++) {
		printf(", %lu %s", seen[t], store_type_names[t]);
		/* RCU mode does not append. */
		if (rounds >= ROUNDS)
			CHECK(seen[t] ||
			      (t == wr_append && kind->flags & MT_FLAGS_USE_RCU));
	}
	printf("\n");
}

/*
 * Threads: some reserve outside the lock and store under it, others make the
 * tree grow and collapse.  Each in a part of its own, to know what must be in it.
 */
#define STORERS		4
#define GROWERS		2
#define PART		4096UL
#define GROWN		65536UL

struct worker {
	pthread_t thread;
	struct maple_tree *mt;
	struct model m;
	unsigned long min, max;
	unsigned long id;
};

static void *storer(void *data)
{
	struct worker *w = data;
	struct rnd r = rnd_seed(seed * 16 + w->id);

	rcu_register_thread();
	snprintf(context, sizeof(context), "thread %lu stores", w->id);
	for (unsigned long i = 0; i < rounds / 4; i++) {
		unsigned long index = w->min + rnd_below(&r, PART - 8);
		unsigned long last = index + rnd_below(&r, 8);
		void *entry = rnd_below(&r, 3) ? value(rnd(&r)) : NULL;

		MA_STATE(mas, w->mt, index, last);

		if (!rnd_below(&r, 300)) {
			index = w->min;
			last = w->max;
			entry = NULL;
		}

		reserve(&mas);
		if (!rnd_below(&r, 20)) {
			mas_destroy(&mas);
			continue;
		}
		if (rnd_below(&r, 2)) {
			lock(&mas);
			mas_set(&mas, w->min + rnd_below(&r, PART));
			mas_find(&mas, ULONG_MAX);
			unlock(&mas);
		}
		/* Not mas_set_range(): the state stays where it is. */
		mas.index = index;
		mas.last = last;
		CHECK(!store_prealloc(&mas, entry));
		model_store(&w->m, index, last, entry);
	}
	CHECK(!lockdep_splats);
	rcu_unregister_thread();
	return NULL;
}

static void *grower(void *data)
{
	struct worker *w = data;
	struct rnd r = rnd_seed(seed * 16 + w->id);

	rcu_register_thread();
	snprintf(context, sizeof(context), "thread %lu grows", w->id);
	for (unsigned long i = 0; i < rounds / 2; i++) {
		unsigned long index = w->min + rnd_below(&r, GROWN - 8);

		other_store(w->mt, &w->m, index, index + rnd_below(&r, 8),
			    value(rnd(&r)));
		if (!rnd_below(&r, 1000))
			other_store(w->mt, &w->m, w->min, w->max, NULL);
	}
	rcu_unregister_thread();
	return NULL;
}

static void check_threads(const struct tree_kind *kind)
{
	struct worker workers[STORERS + GROWERS] = {};
	struct maple_tree mt;
	struct model m;
	unsigned long min = 0;

	setup(&mt, &m, kind);
	for (int i = 0; i < ARRAY_SIZE(workers); i++) {
		struct worker *w = &workers[i];

		w->id = i;
		w->mt = &mt;
		w->min = min;
		min += i < STORERS ? PART : GROWN;
		w->max = min - 1;
		CHECK(!pthread_create(&w->thread, NULL,
				      i < STORERS ? storer : grower, w));
	}
	for (int i = 0; i < ARRAY_SIZE(workers); i++) {
		struct worker *w = &workers[i];

		pthread_join(w->thread, NULL);
		model_add(&m, &w->m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);
}

/*
 * A range is always mapped: new mappings go over it, and cut those they meet at
 * either end.  Whoever looks one up finds one, also between the stores.  Threads
 * do so all the time: in RCU mode even during a store, else with the lock.
 */
#define READERS		2
#define MAPPED		200000UL
#define MAPPED_SIZE	1000UL

struct reader {
	pthread_t thread;
	struct maple_tree *mt;
	struct rnd r;
	unsigned long lookups;
	unsigned long stop;
};

static void *reader(void *data)
{
	struct reader *rd = data;
	bool lock = !mt_in_rcu(rd->mt);

	MA_STATE(mas, rd->mt, 0, 0);

	rcu_register_thread();
	snprintf(context, sizeof(context), "lookups");
	while (!uatomic_read(&rd->stop)) {
		if (lock)
			mas_lock(&mas);
		else
			rcu_read_lock();
		for (int i = 0; i < 8; i++) {
			mas_set(&mas, MAPPED + rnd_below(&rd->r, MAPPED_SIZE));
			CHECK(mas_walk(&mas));
		}
		if (lock)
			mas_unlock(&mas);
		else
			rcu_read_unlock();
		uatomic_add(&rd->lookups, 8);
	}
	rcu_unregister_thread();
	return NULL;
}

/* At the ends of what has been stored, and next to them */
static void check_mapped(struct maple_tree *mt, const struct range *range)
{
	unsigned long at[] = {
		range->index - 1, range->index, range->last, range->last + 1
	};

	MA_STATE(mas, mt, 0, 0);

	for (int i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i] < MAPPED || at[i] >= MAPPED + MAPPED_SIZE)
			continue;
		mas_set(&mas, at[i]);
		CHECK(mas_walk(&mas));
	}
}

/*
 * Only the first store may need nodes.  The rests are exact fits, and are made
 * when nothing is reserved any more.
 */
static int map_over(struct maple_tree *mt, struct model *m, unsigned long index,
		    unsigned long last, struct rnd *r)
{
	struct range range[3] = { { index, last, value(rnd(r)) } };
	unsigned long refused = kmem_cache_refused;
	int n = 1;

	MA_STATE(mas, mt, 0, 0);

	CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
	mas_lock(&mas);
	mas_set(&mas, index);
	CHECK(mas_walk(&mas));
	if (mas.index < index)
		range[n++] = (struct range){ mas.index, index - 1, value(rnd(r)) };
	mas_set(&mas, last);
	CHECK(mas_walk(&mas));
	if (mas.last > last)
		range[n++] = (struct range){ last + 1, mas.last, value(rnd(r)) };
	for (int i = 0; i < n; i++) {
		mas_set_range(&mas, range[i].index, range[i].last);
		CHECK(!mas_store_prealloc(&mas, range[i].entry));
		CHECK(!i || mas.store_type == wr_exact_fit);
		CHECK(!nodes_reserved(&mas));
		check_mapped(mt, &range[i]);
		model_store(m, range[i].index, range[i].last, range[i].entry);
	}
	mas_unlock(&mas);
	CHECK(kmem_cache_refused == refused);
	return n;
}

/* Each has made a batch of lookups since. */
static void wait_for_readers(struct reader *readers)
{
	for (int i = 0; i < READERS; i++) {
		unsigned long before = uatomic_read(&readers[i].lookups);

		while (uatomic_read(&readers[i].lookups) < before + 16)
			sched_yield();
	}
}

static void check_readers(const struct tree_kind *kind)
{
	struct reader readers[READERS] = {};
	struct rnd r = rnd_seed(seed);
	unsigned long seen[4] = {};
	struct maple_tree mt;
	struct model m;

	setup(&mt, &m, kind);
	grow(&mt, &m, 500);
	other_store(&mt, &m, MAPPED, MAPPED + MAPPED_SIZE - 1, value(1));
	for (int i = 0; i < READERS; i++) {
		readers[i].mt = &mt;
		readers[i].r = rnd_seed(seed * 16 + i);
		CHECK(!pthread_create(&readers[i].thread, NULL, reader,
				      &readers[i]));
	}
	for (unsigned long i = 0; i < rounds / 4; i++) {
		unsigned long index = rnd_below(&r, MAPPED_SIZE);
		unsigned long last = index + rnd_below(&r, i % 100 ? 16 : MAPPED_SIZE);

		if (!(i % 100))
			wait_for_readers(readers);
		seen[map_over(&mt, &m, MAPPED + index,
			      MAPPED + min(last, MAPPED_SIZE - 1), &r)]++;
	}
	for (int i = 0; i < READERS; i++) {
		uatomic_set(&readers[i].stop, 1);
		pthread_join(readers[i].thread, NULL);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);
	printf("  %lu without a rest, %lu with one, %lu with two; %lu and %lu lookups\n",
	       seen[1], seen[2], seen[3], readers[0].lookups, readers[1].lookups);
	CHECK(rounds < ROUNDS || (seen[1] && seen[2] && seen[3]));
}

static const struct test tests[] = {
	{ "a store after others have changed the tree", check_scenarios, .external = true },
	{ "a state left anywhere", check_states, .external = true },
	{ "an empty area, found and stored", check_empty_area, .gaps = true },
	{ "a NULL that widens", check_null },
	{ "-EINVAL", check_einval },
	{ "-ENOMEM", check_enomem },
	{ "mas_store() until nothing is left", check_mas_store },
	{ "mas_destroy(), and reserving twice", check_destroy },
	{ "a mapping split in three", check_split },
	{ "the tree is set later", check_tree_later, .external = true },
	{ "lockdep", check_lockdep },
	{ "external lock", check_external },
	{ "external lock: no second walk", check_external_walk },
	{ "random stores", check_random, .external = true },
	{ "threads", check_threads, .external = true },
	{ "lookups while mappings are split", check_readers },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
