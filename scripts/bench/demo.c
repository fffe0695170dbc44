// SPDX-License-Identifier: GPL-2.0
/*
 * Preallocate, let others change the tree, then store: does the store work?
 *
 * `make demo' builds this in tools/testing/radix-tree, with lib/maple_tree.c with the
 * series and without it (-DUNPATCHED: mas_store_prealloc() returns void there).
 *
 * demo KIND N: makes a tree of KIND (an index into kinds[]) with ten entries, preallocates
 * for one range, makes N other stores, then stores that range and checks the tree.
 */
#include "generated/autoconf.h"	/* must come first: the size of a node depends on it */

#define module_init(x)
#define module_exit(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(X)
#define MODULE_LICENSE(x)
#define dump_stack()	abort()

#include <stdio.h>
#include <stdlib.h>
#include "../shared/maple-shim.c"

#ifdef UNPATCHED
#define mas_store_prealloc(mas, entry)	(mas_store_prealloc(mas, entry), 0)
#endif

static const unsigned int kinds[] = {
	0, MT_FLAGS_ALLOC_RANGE, MT_FLAGS_USE_RCU,
	MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU,
};

int main(int argc, char **argv)
{
	void *job = xa_mk_value(1), *old = xa_mk_value(2), *other = xa_mk_value(3);
	unsigned int kind = argc == 3 ? atoi(argv[1]) : ARRAY_SIZE(kinds);
	unsigned long n = argc == 3 ? atol(argv[2]) : 0;
	struct maple_tree mt;
	MA_STATE(mas, &mt, 100, 105);
	int ret;

	if (kind >= ARRAY_SIZE(kinds)) {
		fprintf(stderr, "usage: %s KIND N\n", argv[0]);
		return 2;
	}

	rcu_register_thread();
	maple_tree_init();
	mt_init_flags(&mt, kinds[kind]);
	for (unsigned long i = 0; i < 10; i++)
		mtree_store_range(&mt, i * 10, i * 10 + 5, old, GFP_KERNEL);

	if (mas_preallocate(&mas, job, GFP_KERNEL))
		return 1;

	/* The stores of others. What they free is gone after the grace period. */
	for (unsigned long i = 0; i < n; i++)
		mtree_store_range(&mt, i * 7919 % 100003 + 200,
				  i * 7919 % 100003 + 203, other, GFP_KERNEL);
	rcu_barrier();

	mtree_lock(&mt);
	ret = mas_store_prealloc(&mas, job);
	mtree_unlock(&mt);

	if (ret)
		printf("error %d\n", ret);
	else if (mtree_load(&mt, 100) != job || mtree_load(&mt, 105) != job)
		printf("the store is lost\n");
	else if (mtree_load(&mt, 95) != old || mtree_load(&mt, 99) ||
		 mtree_load(&mt, 106) || (n && mtree_load(&mt, 200) != other))
		printf("other entries are wrong\n");
	else
		printf("stored\n");
	return 0;
}
