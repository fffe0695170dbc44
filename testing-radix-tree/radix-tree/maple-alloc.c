// SPDX-License-Identifier: GPL-2.0+
/*
 * A range allocator, as mm/vmalloc wants it.
 *
 * It reserves nodes outside the lock.  Under the lock, it finds the lowest gap that
 * is large enough, and stores in it.  Nothing is allocated there, and no one else
 * can take the gap in between.
 */
#include "maple-harness.h"

#define SPACE	16384UL		/* too little for all that is wanted */
#define THREADS	6

struct object {
	unsigned long first, last;	/* from base on */
};

static struct maple_tree mt;
static unsigned long base;

/* The model, under the lock of the tree: the object at each index */
static struct object *owner[SPACE];
static unsigned long busy;

static void set_owner(const struct object *object, struct object *new)
{
	for (unsigned long i = object->first; i <= object->last; i++)
		owner[i] = new;
}

/* Returns SPACE if there is none. */
static unsigned long lowest_gap(unsigned long min, unsigned long max, unsigned long size)
{
	unsigned long gap = 0;

	for (unsigned long i = min; i <= max; i++) {
		gap = owner[i] ? 0 : gap + 1;
		if (gap == size)
			return i - (size - 1);
	}
	return SPACE;
}

static bool alloc_range(struct ma_state *mas, unsigned long min, unsigned long max,
			unsigned long size)
{
	struct object *object = malloc(sizeof(*object));
	int ret;

	mas_lock(mas);
	object->first = lowest_gap(min, max, size);
	object->last = object->first + size - 1;
	ret = mas_empty_area(mas, base + min, base + max, size);
	CHECK(ret == (object->first == SPACE ? -EBUSY : 0));
	if (!ret) {
		CHECK(mas->index == base + object->first && mas->last == base + object->last);
		CHECK(!mas_store_prealloc(mas, object));
		set_owner(object, object);
	}
	busy += !!ret;
	mas_unlock(mas);
	if (ret)
		free(object);
	return !ret;
}

static bool alloc_random(struct ma_state *mas, struct rnd *r)
{
	unsigned long size = 1 + rnd_below(r, rnd_below(r, 10) ? 32 : 512);
	unsigned long min = 0, max = SPACE - 1;

	/* A part of the space may begin and end within objects. */
	if (rnd_below(r, 2)) {
		min = rnd_below(r, SPACE - size + 1);
		max -= rnd_below(r, SPACE - size - min + 1);
	}
	return alloc_range(mas, min, max, size);
}

/* Any thread may free any object. */
static bool free_at(struct ma_state *mas, unsigned long i)
{
	struct object *object;

	mas_lock(mas);
	mas_set(mas, base + i);
	object = mas_walk(mas);
	CHECK(object == owner[i]);
	if (object) {
		CHECK(mas->index == base + object->first && mas->last == base + object->last);
		CHECK(!mas_store_prealloc(mas, NULL));
		set_owner(object, NULL);
	}
	mas_unlock(mas);
	free(object);
	return object;
}

static void *work(void *nr)
{
	struct rnd r = rnd_seed(seed * THREADS + (unsigned long)nr);
	bool used = true;

	MA_STATE(mas, &mt, 0, 0);

	rcu_register_thread();
	for (unsigned long i = 0; i < rounds + SPACE; i++) {
		/* A reservation that was not used is still good. */
		kmem_cache_refuse = !used;
		CHECK(!mas_preallocate(&mas, NULL, GFP_KERNEL));
		kmem_cache_refuse = false;
		if (i >= rounds)
			used = free_at(&mas, i - rounds);
		else if (rnd_below(&r, 8) < (i % 2000 < 1000 ? 1 : 6))
			used = free_at(&mas, rnd_below(&r, SPACE));
		else
			used = alloc_random(&mas, &r);
	}
	mas_destroy(&mas);
	CHECK(!kmem_cache_refused && !lockdep_splats);
	rcu_unregister_thread();
	return NULL;
}

/* At the bottom, or at the top, of the address space */
static void run_threads(struct kunit *test, unsigned int flags, unsigned long at)
{
	pthread_t threads[THREADS];

	mt_init_flags(&mt, flags);
	base = at;
	busy = 0;
	for (long i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, (void *)i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	rcu_barrier();
	KUNIT_EXPECT_GT(test, busy, 0);
	KUNIT_EXPECT_EQ(test, nodes_allocated(), 0);
}

static void threads(struct kunit *test)
{
	for (int i = 0; i < 4; i++)
		run_threads(test, MT_FLAGS_ALLOC_RANGE | (i & 1 ? MT_FLAGS_USE_RCU : 0),
			    i & 2 ? -SPACE : 0);
}

static struct kunit_case cases[] = { KUNIT_CASE(threads), {} };

static struct kunit_suite suite = { .name = "maple_alloc", .test_cases = cases };

int main(int argc, char **argv)
{
	return run_suite(argc, argv, &suite, 5000);
}
