// SPDX-License-Identifier: GPL-2.0+
/*
 * A range allocator, as mm/vmalloc wants it.
 *
 * The reservation is made outside the lock.  Under it the lowest empty range is
 * found and stored, without an allocation and without a chance for anyone else
 * to take it.
 */
#define ROUNDS	12000

#include "maple-model.h"

#define THREADS		6
#define SPACE		16384UL	/* too little for all that is wanted */
#define LARGE		512UL
#define CHECKPOINTS	10

/* The entries of the tree */
struct object {
	unsigned long first;
	unsigned long last;
};

/* What a failed attempt has left in @mas is all that is needed for the next one. */
static void reserve(struct ma_state *mas)
{
	unsigned long refused = kmem_cache_refused;

	kmem_cache_refuse = nodes_reserved(mas) == MAPLE_PREALLOC_NODES;
	CHECK(!mas_preallocate(mas, NULL, GFP_KERNEL));
	kmem_cache_refuse = false;
	CHECK(kmem_cache_refused == refused);
	CHECK(nodes_reserved(mas) == MAPLE_PREALLOC_NODES);
	CHECK(!lockdep_splats);
}

/* Mostly small ones */
static unsigned long random_size(struct rnd *r)
{
	return 1 + rnd_below(r, rnd_below(r, 10) ? 32 : LARGE);
}

/*
 * The lowest range of @size in [@min, @max] with nothing in it, by looking at all
 * that is there: in the model, and in the tree.
 */
static bool lowest_in_model(const struct model *m, unsigned long min,
			    unsigned long max, unsigned long size,
			    unsigned long *index)
{
	for (unsigned long i = model_find(m, min); i < m->nr; i++) {
		const struct range *range = &m->range[i];

		if (range->index > max ||
		    (range->index > min && range->index - min >= size))
			break;
		if (range->last >= max)
			return false;
		min = range->last + 1;
	}
	*index = min;
	return max - min >= size - 1;
}

static bool lowest_in_tree(struct maple_tree *mt, unsigned long min,
			   unsigned long max, unsigned long size,
			   unsigned long *index)
{
	MA_STATE(mas, mt, min, min);

	while (mas_find(&mas, max)) {
		if (mas.index > min && mas.index - min >= size)
			break;
		if (mas.last >= max)
			return false;
		min = mas.last + 1;
	}
	*index = min;
	return max - min >= size - 1;
}

/*
 * The reservation in @mas is used up, or, if there is no room, still there.  As
 * the lock is held and nothing may be allocated, the caller has the object.
 */
static int alloc_range(struct ma_state *mas, struct object *object,
		       unsigned long min, unsigned long max, unsigned long size)
{
	unsigned long refused = kmem_cache_refused;
	unsigned long index;
	int ret;

	mas_lock(mas);
	mas_reset(mas);
	ret = mas_empty_area(mas, min, max, size);
	if (!lowest_in_tree(mas->tree, min, max, size, &index)) {
		CHECK(ret == -EBUSY);
	} else {
		CHECK(!ret);
		CHECK(mas->index == index && mas->last == index + size - 1);
		object->first = mas->index;
		object->last = mas->last;
		CHECK(!mas_store_prealloc(mas, object));
		CHECK(mas->index == object->first && mas->last == object->last);
	}
	mas_unlock(mas);
	CHECK(kmem_cache_refused == refused);
	CHECK(!lockdep_splats);
	CHECK(nodes_reserved(mas) == (ret ? MAPLE_PREALLOC_NODES : 0));
	return ret;
}

static void free_range(struct ma_state *mas, struct object *object)
{
	unsigned long refused = kmem_cache_refused;

	mas_lock(mas);
	mas_set(mas, object->first);
	CHECK(mas_walk(mas) == object);
	CHECK(mas->index == object->first && mas->last == object->last);
	CHECK(!mas_store_prealloc(mas, NULL));
	mas_unlock(mas);
	CHECK(kmem_cache_refused == refused);
	CHECK(!lockdep_splats);
	CHECK(!nodes_reserved(mas));
	free(object);
}

static void free_any(struct ma_state *mas, struct model *m, struct rnd *r)
{
	struct range *range = &m->range[rnd_below(r, m->nr)];
	struct object *object = range->entry;

	model_store(m, range->index, range->last, NULL);
	free_range(mas, object);
}

static void free_all(struct ma_state *mas, struct model *m, struct rnd *r)
{
	while (m->nr) {
		reserve(mas);
		free_any(mas, m, r);
	}
	model_free(m);
}

/* Alone, it has to be the range that the model finds. */
static void check_lowest_at(const struct tree_kind *kind, unsigned long base)
{
	unsigned long found = 0, none = 0, freed = 0;
	struct rnd r = rnd_seed(seed);
	struct object *object = NULL;
	unsigned int height = 0;
	struct maple_tree mt;
	struct model m;

	MA_STATE(mas, &mt, 0, 0);

	setup(&mt, &m, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned long size = random_size(&r);
		unsigned long min = base, max = base + SPACE - 1, index;
		bool fits;
		int ret;

		snprintf(context, sizeof(context), "at %lx, round %lu", base, i);
		reserve(&mas);
		/* It gets full, and then rather empty. */
		if (m.nr && rnd_below(&r, 8) < (i % 4000 < 2000 ? 2 : 5)) {
			free_any(&mas, &m, &r);
			freed++;
			continue;
		}

		/* A part of the space, with entries across its ends */
		if (rnd_below(&r, 2)) {
			unsigned long room;

			min += rnd_below(&r, SPACE - LARGE);
			room = max - min - (size - 1);
			max -= rnd_below(&r, room + 1);
		}
		if (!object)
			object = malloc(sizeof(*object));
		fits = lowest_in_model(&m, min, max, size, &index);
		ret = alloc_range(&mas, object, min, max, size);
		CHECK(ret == (fits ? 0 : -EBUSY));
		if (ret) {
			none++;
			if (rnd_below(&r, 2))
				mas_destroy(&mas);
		} else {
			CHECK(object->first == index);
			model_store(&m, object->first, object->last, object);
			object = NULL;
			found++;
		}
		height = max(height, mt_height(&mt));
		if (!(i % 64))
			check_tree(&mt, &m);
	}
	check_reserved(&mt, &m, nodes_reserved(&mas));
	free_all(&mas, &m, &r);
	free(object);
	mas_destroy(&mas);
	CHECK(mtree_empty(&mt));
	teardown(&mt, &m);

	printf("  at %lx: %lu found, %lu did not fit, %lu freed, height %u\n", base,
	       found, none, freed, height);
	if (rounds >= ROUNDS)
		CHECK(found && none && freed && height >= (MAPLE_32BIT ? 2 : 3));
}

static void check_lowest(const struct tree_kind *kind)
{
	check_lowest_at(kind, 0);
	check_lowest_at(kind, 1000000);
	check_lowest_at(kind, ULONG_MAX - SPACE + 1);
}

struct worker {
	pthread_t thread;
	struct ma_state mas;
	struct model m;
	unsigned long id;
	unsigned long found, none, freed;
};

static struct worker workers[THREADS];
static struct maple_tree shared;
static pthread_barrier_t barrier;

/* All the threads wait: what they own is in the tree, and has no other owner. */
static void check_owners(void)
{
	unsigned long reserved = 0;
	struct model m = {};

	for (int i = 0; i < THREADS; i++) {
		struct model *own = &workers[i].m;

		for (unsigned long n = 0; n < own->nr; n++) {
			const struct range *range = &own->range[n];
			unsigned long at = model_find(&m, range->index);

			CHECK(at == m.nr || m.range[at].index > range->last);
			model_store(&m, range->index, range->last, range->entry);
		}
		reserved += nodes_reserved(&workers[i].mas);
	}
	check_reserved(&shared, &m, reserved);
	model_free(&m);
}

static void *work(void *data)
{
	struct worker *w = data;
	struct rnd r = rnd_seed(seed * 16 + w->id);
	struct object *object = NULL;

	rcu_register_thread();
	snprintf(context, sizeof(context), "thread %lu", w->id);
	for (unsigned long i = 1; i <= rounds; i++) {
		unsigned long size = random_size(&r);

		reserve(&w->mas);
		if (w->m.nr && rnd_below(&r, 8) < (i % 4000 < 2000 ? 2 : 5)) {
			free_any(&w->mas, &w->m, &r);
			w->freed++;
		} else {
			if (!object)
				object = malloc(sizeof(*object));
			if (!alloc_range(&w->mas, object, 0, SPACE - 1, size)) {
				model_store(&w->m, object->first, object->last,
					    object);
				object = NULL;
				w->found++;
			} else {
				w->none++;
				if (rnd_below(&r, 2))
					mas_destroy(&w->mas);
			}
		}

		if (i % max(rounds / CHECKPOINTS, 1UL))
			continue;
		pthread_barrier_wait(&barrier);
		if (!w->id)
			check_owners();
		pthread_barrier_wait(&barrier);
	}
	free_all(&w->mas, &w->m, &r);
	free(object);
	mas_destroy(&w->mas);
	rcu_unregister_thread();
	return NULL;
}

static void check_threads(const struct tree_kind *kind)
{
	unsigned long found = 0, none = 0, freed = 0;

	mt_init_flags(&shared, kind->flags);
	memset(workers, 0, sizeof(workers));
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->id = i;
		mas_init(&w->mas, &shared, 0);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		found += workers[i].found;
		none += workers[i].none;
		freed += workers[i].freed;
	}
	CHECK(mtree_empty(&shared));
	mtree_destroy(&shared);
	rcu_barrier();
	CHECK(!nodes_allocated());
	pthread_barrier_destroy(&barrier);

	printf("  %lu found, %lu did not fit, %lu freed\n", found, none, freed);
	if (rounds >= ROUNDS)
		CHECK(found && none && freed);
}

static const struct test tests[] = {
	{ "the lowest range that fits", check_lowest, .gaps = true },
	{ "threads", check_threads, .gaps = true },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
