/* SPDX-License-Identifier: GPL-2.0+ */
/*
 * For programs that test the maple tree.  Includes the maple tree itself.  The programs
 * are KUnit suites, see <kunit/test.h>, but CHECK() works in any thread: it ends the
 * program.
 *
 * - The internal lock of a tree is a spinlock: a thread which holds it may not
 *   allocate, and the slab stub refuses every attempt.
 * - lockdep_assert() is real: it counts the times it was not met.
 */
#ifndef _MAPLE_HARNESS_H
#define _MAPLE_HARNESS_H

#include "generated/autoconf.h"	/* first: the size of a node depends on it */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <urcu/uatomic.h>
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

/* xorshift64: a seed gives the same numbers everywhere; one for each thread */
struct rnd {
	u64 state;
};

static inline u64 rnd(struct rnd *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state;
}

/* A random number in [0, n) */
static inline unsigned long rnd_below(struct rnd *r, unsigned long n)
{
	return rnd(r) % n;
}

static inline struct rnd rnd_seed(unsigned long seed)
{
	struct rnd r = { .state = seed * 0x9e3779b97f4a7c15ULL + 1 };

	for (int i = 0; i < 8; i++)
		rnd(&r);
	return r;
}

static inline void *value(unsigned long v)
{
	return xa_mk_value(v & (LONG_MAX >> 1));
}

/* Returns false unless @arg is a number and nothing else. */
static inline bool parse_number(const char *arg, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(arg, &end, 0);
	return isdigit((unsigned char)arg[0]) && !*end && !errno;
}

static inline int run_suite(int argc, char **argv, struct kunit_suite *suite,
			    unsigned long default_rounds)
{
	bool valid = true;
	int opt, ret;

	rounds = default_rounds;
	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			valid &= parse_number(optarg, &rounds) && rounds;
		else if (opt == 's')
			valid &= parse_number(optarg, &seed);
		else
			valid = false;
	}
	if (!valid || argc > optind + 1) {
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

#endif /* _MAPLE_HARNESS_H */
