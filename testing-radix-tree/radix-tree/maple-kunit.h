/* SPDX-License-Identifier: GPL-2.0+ */
/*
 * For programs that include KUnit suites of the maple tree, lib/tests/maple_*_kunit.c:
 * what these have to know of where they run.
 */
#ifndef _MAPLE_KUNIT_H
#define _MAPLE_KUNIT_H

#include "maple-harness.h"

#include <linux/list.h>

struct mutex {
	pthread_mutex_t lock;
};

#define mutex_init(mutex)	pthread_mutex_init(&(mutex)->lock, NULL)
#define mutex_lock(mutex)	pthread_mutex_lock(&(mutex)->lock)
#define mutex_unlock(mutex)	pthread_mutex_unlock(&(mutex)->lock)

#undef kfree_rcu		/* that is for nodes only */
#define kfree_rcu(obj, head)	free_later(obj, offsetof(typeof((obj)[0]), head))
#define cond_resched()		do { } while (0)
#define CAN_REFUSE	true

static inline void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp)
{
	return calloc(1, size);
}

static inline void free_later(void *obj, size_t offset)
{
	synchronize_rcu();
	kfree(obj);
}

static inline void refuse_memory(bool refuse)
{
	kmem_cache_refuse = refuse;
}

/* Otherwise, allocations that must not sleep always fail. */
static inline void allow_memory(void)
{
	kmem_cache_refuse = false;
	kmem_cache_set_non_kernel(maple_node_cache, 100);
}

static inline void wait_for_rcu(void)
{
	rcu_barrier();
}

/* How often lockdep_assert() was not met */
static inline unsigned long complaints(void)
{
	return lockdep_splats;
}

static inline void expect_lock_assertion(struct kunit *test, struct ma_state *mas)
{
	if (mt_external_lock(mas->tree))
		kunit_skip(test, "needs lockdep");

	KUNIT_EXPECT_EQ(test, mas_store_prealloc(mas, NULL), -ENOMEM);
	KUNIT_EXPECT_EQ(test, lockdep_splats, 1);
	lockdep_splats = 0;
}

static inline void expect_no_nodes(struct kunit *test)
{
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, nodes_allocated(), 0);
	free(test->priv);
}

/* main() runs them. */
#define kunit_test_suites(suite)	static_assert(sizeof(*(suite)))

#endif /* _MAPLE_KUNIT_H */
