// SPDX-License-Identifier: GPL-2.0
/*
 * What mas_preallocate() and mas_store_prealloc() execute with an external lock,
 * for valgrind --tool=callgrind --toggle-collect='store_*' to count.
 *
 * Built by make bench in tools/testing/radix-tree, without and with the series; the
 * same stores are made in both. Each is counted in the function of its type.
 */
#include "generated/autoconf.h"	/* first: the size of a node depends on it */

#define module_init(x)
#define module_exit(x)
#define MODULE_AUTHOR(x)
#define MODULE_DESCRIPTION(X)
#define MODULE_LICENSE(x)
#define dump_stack()	abort()

#include <stdio.h>
#include <stdlib.h>
#include "maple-shared.h"
#include <linux/slab.h>

#undef CONFIG_DEBUG_MAPLE_TREE	/* as in a kernel that is used */

/* An allocation must cost the same whatever has been allocated before. */
static char pool[1UL << 30] __aligned(4096);
static size_t used;

int posix_memalign(void **p, size_t align, size_t size)
{
	used = (used + align - 1) & -align;
	*p = pool + used;
	used += size;
	if (used > sizeof(pool))
		abort();
	return 0;
}

void *malloc(size_t size)
{
	void *p;

	posix_memalign(&p, 16, size);
	return p;
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size);	/* never used before */
}

void free(void *p)
{
}

/* Freed between two stores: the thread that RCU has here does it now or later. */
static struct {
	struct rcu_head *head;
	void (*func)(struct rcu_head *head);
} freed[4096];
static unsigned int nr_freed;

static void defer(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	if (nr_freed == sizeof(freed) / sizeof(*freed))
		abort();
	freed[nr_freed].head = head;
	freed[nr_freed++].func = func;
}

#undef call_rcu
#define call_rcu(head, func)	defer(head, func)

#include "../../../lib/maple_tree.c"

void maple_rcu_cb(struct rcu_head *head)
{
	kmem_cache_free(maple_node_cache, container_of(head, struct maple_node, rcu));
}

#define PATCHED	__builtin_types_compatible_p(typeof(&mas_store_prealloc), \
					     int (*)(struct ma_state *, void *))
#define store_prealloc(mas, entry)					\
	__builtin_choose_expr(PATCHED, mas_store_prealloc(mas, entry),	\
			      (mas_store_prealloc(mas, entry), 0))

/* The two calls must be calls, as they are for users in other files. */
static int (*volatile preallocate)(struct ma_state *, void *, gfp_t) = mas_preallocate;

static noinline int call_store_prealloc(struct ma_state *mas, void *entry)
{
	return store_prealloc(mas, entry);
}

#define STORE(type)							\
noinline void store_##type(struct maple_tree *mt, unsigned long first,	\
			   unsigned long last, void *entry)		\
{									\
	MA_STATE(mas, mt, first, last);					\
									\
	if (preallocate(&mas, entry, GFP_KERNEL) ||			\
	    call_store_prealloc(&mas, entry))				\
		abort();						\
}

STORE(new_root)
STORE(store_root)
STORE(exact_fit)
STORE(spanning_store)
STORE(split_store)
STORE(rebalance)
STORE(append)
STORE(node_store)
STORE(slot_store)

#define TYPE(type)	[wr_##type] = { #type, store_##type }

static struct {
	const char *name;
	void (*store)(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry);
	unsigned long count;
} types[] = {
	TYPE(new_root),
	TYPE(store_root),
	TYPE(exact_fit),
	TYPE(spanning_store),
	TYPE(split_store),
	TYPE(rebalance),
	TYPE(append),
	TYPE(node_store),
	TYPE(slot_store),
};

static unsigned long rnd(unsigned long n)
{
	static unsigned long x = 42;

	x = x * 6364136223846793005UL + 1442695040888963407UL;
	return (x >> 33) % n;
}

static void store(struct maple_tree *mt, unsigned long first, unsigned long last, void *entry)
{
	MA_STATE(mas, mt, first, last);
	enum store_type type;

	while (nr_freed) {
		nr_freed--;
		freed[nr_freed].func(freed[nr_freed].head);
	}

	/* Not counted: which type is it? */
	if (mas_preallocate(&mas, entry, GFP_KERNEL))
		abort();
	type = mas.store_type;
	mas_destroy(&mas);
	types[type].count++;
	types[type].store(mt, first, last, entry);
}

#define ENTRIES	2000

int main(void)
{
	static const unsigned int kinds[] = {
		0, MT_FLAGS_ALLOC_RANGE, MT_FLAGS_USE_RCU,
		MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU,
	};
	struct maple_tree mt;

	rcu_register_thread();
	maple_tree_init();
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		mt_init_flags(&mt, kinds[k] | MT_FLAGS_LOCK_EXTERN);
		/* An append at the end of each, and what fits, or splits. */
		for (unsigned long i = 0; i < ENTRIES; i++)
			store(&mt, i * 16, i * 16 + 7, xa_mk_value(1));
		for (unsigned long i = 0; i < 3 * ENTRIES; i++) {
			unsigned long first = rnd(ENTRIES) * 16;

			/* new range, its end, overwrite, over several, NULL */
			switch (rnd(6)) {
			case 0:
				store(&mt, first + 10, first + 13, xa_mk_value(i));
				break;
			case 1:
				store(&mt, first + 10, first + 13, NULL);
				break;
			case 2:
				store(&mt, first, first + 5, xa_mk_value(i));
				break;
			case 3:
				store(&mt, first, first + 7, xa_mk_value(i));
				break;
			case 4:
				store(&mt, first, first + rnd(100), xa_mk_value(i));
				break;
			default:
				store(&mt, first, first + rnd(30), NULL);
			}
		}
		/* And small trees, from one entry to all and back. */
		for (unsigned long i = 0; i < 200; i++) {
			store(&mt, 0, ULONG_MAX, i % 2 ? xa_mk_value(i) : NULL);
			store(&mt, 0, i % 3, xa_mk_value(i));
			store(&mt, 1, 1 + rnd(9), xa_mk_value(i));
		}
		__mt_destroy(&mt);
	}

	for (unsigned int type = wr_new_root; type < ARRAY_SIZE(types); type++)
		printf("%s %lu\n", types[type].name, types[type].count);
	return 0;
}
