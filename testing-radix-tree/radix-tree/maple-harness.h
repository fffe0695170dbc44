/* SPDX-License-Identifier: GPL-2.0+ */
/*
 * For programs that test the maple tree.  Includes the maple tree itself.  The programs
 * are KUnit suites, see <kunit/test.h>, but CHECK() works in any thread: it ends the
 * program.
 *
 * - The internal lock of a tree is a spinlock: a thread which holds it, taken with
 *   spin_lock(), may not allocate, and the slab stub refuses every attempt.
 * - lockdep_assert() is real: it counts how often it has failed.
 */
#ifndef _MAPLE_HARNESS_H
#define _MAPLE_HARNESS_H

#include "generated/autoconf.h"	/* first: the size of a node depends on it */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <urcu/uatomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <kunit/test.h>

#define module_init(x)
#define module_exit(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(X)
#define MODULE_LICENSE(x)
#define dump_stack()	check_failed()

/* -n and -s: the number of rounds, and the seed for the random numbers */
static unsigned long rounds;
static unsigned long seed = 1;

/* Where a test is, to print if it fails */
static __thread char context[128];

static inline void print_context(void)
{
	fflush(stdout);
	fprintf(stderr, "    in: %s, seed %lu, %s\n", kunit_running, seed, context);
}

/* The address sanitizer calls this when it ends the program. */
void __asan_on_error(void);
void __asan_on_error(void)
{
	print_context();
}

static inline void check_failed(void)
{
	print_context();
	_exit(1);	/* exit() may wait for us in liburcu */
}

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "FAILED %s:%d %s(): %s\n",		\
			__FILE__, __LINE__, __func__, #cond);		\
		check_failed();						\
	}								\
} while (0)

extern __thread bool kmem_cache_refuse;
extern __thread unsigned long kmem_cache_refused;
extern int nr_allocated, kmalloc_nr_allocated;

static __thread void *held_lock;
__thread unsigned long lockdep_splats;

#define lockdep_assert(cond)	(lockdep_splats += !(cond))

int lockdep_is_held(const void *lock)
{
	return held_lock == lock;
}

static inline void checked_spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(lock);
	held_lock = lock;
	kmem_cache_refuse = true;
}

static inline void checked_spin_unlock(spinlock_t *lock)
{
	kmem_cache_refuse = false;
	held_lock = NULL;
	pthread_mutex_unlock(lock);
}

#undef spin_lock
#undef spin_unlock
#define spin_lock(lock)		checked_spin_lock(lock)
#define spin_unlock(lock)	checked_spin_unlock(lock)

#include "../shared/maple-shim.c"

/* Nodes are freed with kmem_cache_free() or kfree(): only the sum is reliable. */
static inline unsigned long nodes_allocated(void)
{
	return nr_allocated + kmalloc_nr_allocated;
}

static const struct tree_kind {
	const char *name;
	unsigned int flags;
} tree_kinds[] = {
	{ "regular", 0 },
	{ "allocation", MT_FLAGS_ALLOC_RANGE },
	{ "regular, RCU", MT_FLAGS_USE_RCU },
	{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

static inline void tree_kind_desc(const struct tree_kind *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", kind->name);
}

KUNIT_ARRAY_PARAM(tree_kinds, tree_kinds, tree_kind_desc);

/* A test that runs with each kind of tree: test->param_value is a struct tree_kind. */
#define TREE_CASE(name)	KUNIT_CASE_PARAM(name, tree_kinds_gen_params)

/* POSIX defines the numbers: a seed gives the same everywhere.  Each thread has its own. */
struct rnd {
	unsigned short x[3];
};

/* A random number in [0, n) */
static inline unsigned long rnd_below(struct rnd *r, unsigned long n)
{
	return erand48(r->x) * n;
}

static inline struct rnd rnd_seed(unsigned long seed)
{
	return (struct rnd){ { 0x330e, seed, seed >> 16 } };
}

static inline void *value(unsigned long v)
{
	return xa_mk_value(v & (LONG_MAX >> 1));
}

static inline int run_suite(int argc, char **argv, struct kunit_suite *suite,
			    unsigned long default_rounds)
{
	char *end = "";
	int opt, ret;

	rounds = default_rounds;
	while (!*end && (opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			rounds = strtoul(optarg, &end, 0);
		else if (opt == 's')
			seed = strtoul(optarg, &end, 0);
		else
			end = "?";
	}
	if (*end || !rounds || argc > optind + 1) {
		fprintf(stderr, "usage: %s [-n ROUNDS] [-s SEED] [PATTERN]\n"
			"ROUNDS: %lu by default; PATTERN: for the names of tests\n",
			argv[0], default_rounds);
		return 2;
	}

	rcu_register_thread();
	maple_tree_init();
	ret = kunit_run(&suite, 1, argv[optind]);
	rcu_unregister_thread();
	return ret;
}

/*
 * For KUnit suites of the maple tree, lib/tests/maple_*_kunit.c: what these have to know
 * of where they run
 */
struct mutex {
	pthread_mutex_t lock;
};

#define mutex_init(mutex)	pthread_mutex_init(&(mutex)->lock, NULL)
#define mutex_lock(mutex)	pthread_mutex_lock(&(mutex)->lock)
#define mutex_unlock(mutex)	pthread_mutex_unlock(&(mutex)->lock)

#define cond_resched()		do { } while (0)
#define CAN_REFUSE	true

/* Returns how many allocations have been refused since the last call. */
static inline unsigned long refuse_memory(bool refuse)
{
	unsigned long refused = kmem_cache_refused;

	kmem_cache_refuse = refuse;
	kmem_cache_refused = 0;
	return refused;
}

/* Otherwise, allocations that must not sleep always fail. */
static inline void allow_memory(void)
{
	kmem_cache_refuse = false;
	kmem_cache_set_non_kernel(maple_node_cache, 100);
}

static inline void wait_for_rcu(void) { rcu_barrier(); }

/* How often lockdep_assert() has failed */
static inline unsigned long complaints(void) { return lockdep_splats; }

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
	kmem_cache_set_non_kernel(maple_node_cache, 0);
}

#undef kfree_rcu		/* that is for nodes only */
#define kfree_rcu(obj, ...)	(synchronize_rcu(), kfree(obj))

/* main() runs them. */
#define kunit_test_suites(suite)	static_assert(sizeof(*(suite)))

#endif /* _MAPLE_HARNESS_H */
