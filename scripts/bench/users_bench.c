// SPDX-License-Identifier: GPL-2.0
/*
 * The two users who asked for preallocation with the internal lock, as they are
 * today and with a maple tree: a GPU VA manager, and an allocator of ranges.
 *
 * Copied to lib/ and built in by make bench. Runs at boot if users_bench.entries, the
 * most mappings, is on the command line. Prints lines
 *
 *	BENCH name=value ...
 *
 * with the last one being BENCH done, and stops the machine. All ways do the same in
 * turn, and whatever they return or find is compared, in each batch, and the contents
 * of the trees before the first and after the last one.
 */
#include <linux/init.h>
#include <linux/interval_tree_generic.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/rbtree_augmented.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>
#include "../mm/slab.h"

static unsigned int entries, batches = 25;
module_param(entries, uint, 0);
module_param(batches, uint, 0);

#define MAX_PAGES	16	/* of a mapping, 1 at least */
#define ROOM		24	/* pages of address space for each GPU mapping */
#define REMAPS		10	/* % of the maps that hit what is there */
#define BATCH		2000U	/* operations in a batch, at most */
#define WARM_UP		1	/* batches that do not count */
#define MAX_BATCHES	100
#define MAX_WAYS	4

enum op { OP_MAP, OP_UNMAP, OP_REMAP, OP_LOOKUP, OP_HIT, OP_WALK, OP_PREPARE, NR_OPS };
static const char * const op_names[] = {
	"map", "unmap", "remap", "lookup", "hit", "walk", "prepare"
};

/* What is asked of a space. Addresses are in pages. */
struct req {
	unsigned long first;	/* set by an allocation, as is last */
	unsigned long last;
	unsigned int id;
	bool remap;		/* there may be something in the range */
};

/* What a mapping looks like from the outside. */
struct record {
	unsigned long first;
	unsigned long last;
	unsigned long id;
	unsigned long offset;
};

struct space {
	const struct way *way;
	unsigned long count;	/* of mappings */
	struct kmem_cache *cache;	/* of objects: nobody else's are next to them */
	struct maple_tree mt;

	struct rb_root_cached vas;	/* GPU */
	struct rb_root busy;		/* allocator */
	struct rb_root free;
	struct list_head list;		/* both, in order */
	struct list_head free_list;
	spinlock_t lock;		/* of vas or busy, and list */
	spinlock_t free_lock;		/* of free and free_list */
};

struct ops {
	bool rb;
	size_t entry;		/* bytes of an object without what the index has in it */
	size_t object;		/* and with it */
	int (*map)(struct space *s, struct req *req);
	int (*unmap)(struct space *s, const struct req *req);
	unsigned long (*lookup)(struct space *s, unsigned long addr);
	unsigned long (*walk)(struct space *s);
	int (*prepare)(struct space *s);
	/* Not timed: all of it to @to, which has room for s->count; or an error */
	int (*dump)(struct space *s, struct record *to);
};

struct way {
	const char *name;
	const struct ops *ops;
	unsigned int flags;	/* of the maple tree */
};

static bool failed;

#define fail(fmt, ...) do {						\
	pr_err("BENCH failed " fmt "\n", ##__VA_ARGS__);		\
	failed = true;							\
} while (0)

static struct rnd_state rnd_state;

static unsigned long rnd(unsigned long n)
{
	return prandom_u32_state(&rnd_state) % n;
}

static bool in_rcu(struct space *s)
{
	return s->way->flags & MT_FLAGS_USE_RCU;
}

/*
 * A GPU VA manager
 *
 * A map takes what is in its range away; what is left of that on either side gets an
 * object of its own, as in drm_gpuvm. Objects are allocated before the lock is taken,
 * as drivers do.
 */

/* As large as a struct drm_gpuva without what the rb-tree has in it */
struct va {
	union {
		struct {
			void *vm;
			void *vm_bo;
		};
		struct rcu_head rcu;
	};
	unsigned long flags;
	unsigned long first;
	unsigned long last;
	unsigned long offset;
	unsigned long id;	/* the object that is mapped */
	struct list_head entry;	/* its mappings; here: what a map has taken away */
};

struct rb_va {
	struct va va;
	struct rb_node rb;
	struct list_head list;
	unsigned long subtree_last;
};

#define VA_FIRST(node)	((node)->va.first)
#define VA_LAST(node)	((node)->va.last)

INTERVAL_TREE_DEFINE(struct rb_va, rb, unsigned long, subtree_last, VA_FIRST, VA_LAST,
		     static __maybe_unused, va_it)

/* The objects of one map: one, and two more if something may be in its range. */
struct parts {
	struct va *new;
	struct va *left;
	struct va *right;
	bool has_left;
	bool has_right;
	struct list_head gone;
};

static void va_free(struct space *s, struct va *va)
{
	if (in_rcu(s))
		kfree_rcu(va, rcu);
	else
		kmem_cache_free(s->cache, va);
}

static void va_init(struct va *va, unsigned long first, unsigned long last, unsigned long id,
		    unsigned long offset)
{
	va->vm = NULL;
	va->vm_bo = NULL;
	va->flags = 0;
	va->first = first;
	va->last = last;
	va->id = id;
	va->offset = offset;
	INIT_LIST_HEAD(&va->entry);
}

static void parts_free(struct space *s, struct parts *p)
{
	struct va *va, *next;

	list_for_each_entry_safe(va, next, &p->gone, entry)
		va_free(s, va);
	/* Nobody has seen these. */
	if (p->left && !p->has_left)
		kmem_cache_free(s->cache, p->left);
	if (p->right && !p->has_right)
		kmem_cache_free(s->cache, p->right);
}

/* After an error, here as elsewhere, the run ends: nothing is cleaned up. */
static int parts_alloc(struct space *s, struct parts *p, const struct req *req)
{
	*p = (struct parts){ .gone = LIST_HEAD_INIT(p->gone) };
	p->new = kmem_cache_alloc(s->cache, GFP_KERNEL);
	if (req->remap) {
		p->left = kmem_cache_alloc(s->cache, GFP_KERNEL);
		p->right = kmem_cache_alloc(s->cache, GFP_KERNEL);
	}
	if (!p->new || (req->remap && (!p->left || !p->right)))
		return -ENOMEM;
	va_init(p->new, req->first, req->last, req->id, 0);
	return 0;
}

/* parts_cut - @old is in the range of @req */
static int parts_cut(struct parts *p, const struct req *req, struct va *old)
{
	if (!req->remap)
		return -EEXIST;
	if (old->first < req->first) {
		va_init(p->left, old->first, req->first - 1, old->id, old->offset);
		p->has_left = true;
	}
	if (old->last > req->last) {
		va_init(p->right, req->last + 1, old->last, old->id,
			old->offset + req->last + 1 - old->first);
		p->has_right = true;
	}
	list_add(&old->entry, &p->gone);
	return 0;
}

static struct rb_va *to_rb_va(struct va *va)
{
	return container_of(va, struct rb_va, va);
}

static void rb_va_insert(struct space *s, struct va *va)
{
	struct rb_va *new = to_rb_va(va);
	struct rb_node *prev;

	va_it_insert(new, &s->vas);
	prev = rb_prev(&new->rb);
	list_add(&new->list, prev ? &rb_entry(prev, struct rb_va, rb)->list : &s->list);
	s->count++;
}

static void rb_va_remove(struct space *s, struct rb_va *old)
{
	va_it_remove(old, &s->vas);
	list_del(&old->list);
	s->count--;
}

static int gpu_rb_map(struct space *s, struct req *req)
{
	struct rb_va *old, *next;
	struct parts p;
	int ret = parts_alloc(s, &p, req);

	if (ret)
		return ret;

	spin_lock(&s->lock);
	old = va_it_iter_first(&s->vas, req->first, req->last);
	while (old && old->va.first <= req->last && !ret) {
		next = list_is_last(&old->list, &s->list) ? NULL : list_next_entry(old, list);
		ret = parts_cut(&p, req, &old->va);
		if (!ret)
			rb_va_remove(s, old);
		old = next;
	}
	if (!ret) {
		rb_va_insert(s, p.new);
		if (p.has_left)
			rb_va_insert(s, p.left);
		if (p.has_right)
			rb_va_insert(s, p.right);
	}
	spin_unlock(&s->lock);
	if (!ret)
		parts_free(s, &p);
	return ret;
}

static int gpu_rb_unmap(struct space *s, const struct req *req)
{
	struct rb_va *old;

	spin_lock(&s->lock);
	old = va_it_iter_first(&s->vas, req->first, req->last);
	if (!old || old->va.first != req->first || old->va.last != req->last) {
		spin_unlock(&s->lock);
		return -ENOENT;
	}
	rb_va_remove(s, old);
	spin_unlock(&s->lock);
	kmem_cache_free(s->cache, old);
	return 0;
}

static unsigned long gpu_rb_lookup(struct space *s, unsigned long addr)
{
	unsigned long ret = 0;
	struct rb_va *va;

	spin_lock(&s->lock);
	va = va_it_iter_first(&s->vas, addr, addr);
	if (va)
		ret = va->va.first + va->va.id;
	spin_unlock(&s->lock);
	return ret;
}

static unsigned long gpu_rb_walk(struct space *s)
{
	unsigned long sum = 0;
	struct rb_va *va;

	spin_lock(&s->lock);
	list_for_each_entry(va, &s->list, list)
		sum = sum * 3 + va->va.first + va->va.id;
	spin_unlock(&s->lock);
	return sum;
}

static int gpu_rb_prepare(struct space *s)
{
	struct rb_va *va = kmem_cache_alloc(s->cache, GFP_KERNEL);

	if (!va)
		return -ENOMEM;
	kmem_cache_free(s->cache, va);
	return 0;
}

static int gpu_rb_dump(struct space *s, struct record *to)
{
	struct rb_node *node = rb_first_cached(&s->vas);
	unsigned long n = 0;
	struct rb_va *va;

	list_for_each_entry(va, &s->list, list) {
		if (node != &va->rb || n++ == s->count)
			return -EINVAL;
		*to++ = (struct record){ va->va.first, va->va.last, va->va.id, va->va.offset };
		node = rb_next(node);
	}
	return node || n != s->count ? -EINVAL : 0;
}

static int gpu_mt_map(struct space *s, struct req *req)
{
	MA_STATE(mas, &s->mt, req->first, req->last);
	struct parts p;
	struct va *old;
	int ret = parts_alloc(s, &p, req);

	if (ret)
		return ret;
	ret = mas_preallocate(&mas, p.new, GFP_KERNEL);
	if (ret)
		return ret;

	mas_lock(&mas);
	mas_for_each(&mas, old, req->last) {
		ret = parts_cut(&p, req, old);
		if (ret)
			break;
		s->count--;
	}
	if (!ret) {
		mas_set_range(&mas, req->first, req->last);
		ret = mas_store_prealloc(&mas, p.new);
		s->count++;
	}
	/* One entry for another in exactly its range takes no nodes. */
	if (!ret && p.has_left) {
		mas_set_range(&mas, p.left->first, p.left->last);
		ret = mas_store_prealloc(&mas, p.left);
		s->count++;
	}
	if (!ret && p.has_right) {
		mas_set_range(&mas, p.right->first, p.right->last);
		ret = mas_store_prealloc(&mas, p.right);
		s->count++;
	}
	mas_unlock(&mas);
	if (!ret)
		parts_free(s, &p);
	return ret;
}

static int gpu_mt_unmap(struct space *s, const struct req *req)
{
	MA_STATE(mas, &s->mt, req->first, req->first);
	struct va *old;
	int ret = mas_preallocate(&mas, NULL, GFP_KERNEL);

	if (ret)
		return ret;

	mas_lock(&mas);
	old = mas_walk(&mas);
	if (old && mas.index == req->first && mas.last == req->last)
		ret = mas_store_prealloc(&mas, NULL);
	else
		ret = -ENOENT;
	if (!ret)
		s->count--;
	mas_unlock(&mas);
	if (!ret)
		va_free(s, old);
	return ret;
}

/* Without RCU mode, writers must be kept away. */
static void mt_read_lock(struct space *s)
{
	if (in_rcu(s))
		rcu_read_lock();
	else
		mtree_lock(&s->mt);
}

static void mt_read_unlock(struct space *s)
{
	if (in_rcu(s))
		rcu_read_unlock();
	else
		mtree_unlock(&s->mt);
}

static unsigned long gpu_mt_lookup(struct space *s, unsigned long addr)
{
	unsigned long ret = 0;
	struct va *va;

	mt_read_lock(s);
	va = mtree_load(&s->mt, addr);
	if (va)
		ret = va->first + va->id;
	mt_read_unlock(s);
	return ret;
}

static unsigned long gpu_mt_walk(struct space *s)
{
	MA_STATE(mas, &s->mt, 0, 0);
	unsigned long sum = 0;
	struct va *va;

	mt_read_lock(s);
	mas_for_each(&mas, va, ULONG_MAX)
		sum = sum * 3 + va->first + va->id;
	mt_read_unlock(s);
	return sum;
}

static int gpu_mt_prepare(struct space *s)
{
	MA_STATE(mas, &s->mt, 0, 0);
	struct va *va = kmem_cache_alloc(s->cache, GFP_KERNEL);
	int ret = mas_preallocate(&mas, va, GFP_KERNEL);

	mas_destroy(&mas);
	if (!va)
		return -ENOMEM;
	kmem_cache_free(s->cache, va);
	return ret;
}

static int gpu_mt_dump(struct space *s, struct record *to)
{
	MA_STATE(mas, &s->mt, 0, 0);
	unsigned long n = 0;
	struct va *va;
	int ret = 0;

	mas_lock(&mas);
	mas_for_each(&mas, va, ULONG_MAX) {
		if (mas.index != va->first || mas.last != va->last || n++ == s->count) {
			ret = -EINVAL;
			break;
		}
		*to++ = (struct record){ va->first, va->last, va->id, va->offset };
	}
	mas_unlock(&mas);
	return n != s->count ? -EINVAL : ret;
}

static const struct ops gpu_rb = {
	.rb = true,
	.entry = sizeof(struct va),
	.object = sizeof(struct rb_va),
	.map = gpu_rb_map,
	.unmap = gpu_rb_unmap,
	.lookup = gpu_rb_lookup,
	.walk = gpu_rb_walk,
	.prepare = gpu_rb_prepare,
	.dump = gpu_rb_dump,
};

static const struct ops gpu_mt = {
	.rb = false,
	.entry = sizeof(struct va),
	.object = sizeof(struct va),
	.map = gpu_mt_map,
	.unmap = gpu_mt_unmap,
	.lookup = gpu_mt_lookup,
	.walk = gpu_mt_walk,
	.prepare = gpu_mt_prepare,
	.dump = gpu_mt_dump,
};

/*
 * User space chooses the addresses, so gaps need not be tracked: a regular tree. With
 * RCU mode a fault can be looked up without the lock.
 */
static const struct way gpu_ways[] = {
	{ "rb", &gpu_rb, 0 },
	{ "regular", &gpu_mt, 0 },
	{ "regular,RCU", &gpu_mt, MT_FLAGS_USE_RCU },
	{ "allocation,RCU", &gpu_mt, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

/*
 * An allocator of ranges: the lowest that is large enough
 *
 * Today, as in vmalloc: an object is in the tree and the list of the ranges in use, or
 * of those that are free. There is no alignment and no lower limit, so that the search
 * never has to go back, and always cuts from the start of a free range.
 */
struct rb_range {
	unsigned long first;
	unsigned long last;
	struct rb_node rb;
	struct list_head list;
	union {
		unsigned long subtree_max;	/* free */
		unsigned long id;		/* in use */
	};
	unsigned long flags;
};

struct mt_range {
	unsigned long first;
	unsigned long last;
	union {
		struct {
			unsigned long id;
			unsigned long flags;
		};
		struct rcu_head rcu;
	};
};

static unsigned long rb_range_size(struct rb_range *r)
{
	return r->last - r->first + 1;
}

RB_DECLARE_CALLBACKS_MAX(static, free_augment, struct rb_range, rb, unsigned long, subtree_max,
			 rb_range_size)

static struct rb_range *to_range(struct rb_node *node)
{
	return rb_entry_safe(node, struct rb_range, rb);
}

static unsigned long free_max(struct rb_node *node)
{
	return node ? to_range(node)->subtree_max : 0;
}

static void free_remove(struct space *s, struct rb_range *r)
{
	rb_erase_augmented(&r->rb, &s->free, &free_augment);
	list_del(&r->list);
}

/* free_take - the first @size pages of the lowest range that has them */
static bool free_take(struct space *s, unsigned long size, unsigned long *first,
		      struct rb_range **unused)
{
	struct rb_node *node = s->free.rb_node;
	struct rb_range *r;

	if (free_max(node) < size)
		return false;

	r = to_range(node);
	while (free_max(node->rb_left) >= size || rb_range_size(r) < size) {
		node = free_max(node->rb_left) >= size ? node->rb_left : node->rb_right;
		r = to_range(node);
	}

	*first = r->first;
	if (rb_range_size(r) == size) {
		free_remove(s, r);
		*unused = r;
	} else {
		r->first += size;
		free_augment_propagate(&r->rb, NULL);
	}
	return true;
}

/* free_add - merges @r with its neighbours; returns how many objects are in @unused */
static int free_add(struct space *s, struct rb_range *r, struct rb_range *unused[2])
{
	struct rb_node **link = &s->free.rb_node, *parent = NULL;
	struct rb_range *other = NULL, *prev = NULL, *next = NULL;
	struct list_head *before = &s->free_list;

	while (*link) {
		parent = *link;
		other = to_range(parent);
		link = r->first < other->first ? &parent->rb_left : &parent->rb_right;
	}
	if (parent)
		before = link == &parent->rb_right ? &other->list : other->list.prev;
	if (before != &s->free_list)
		prev = list_entry(before, struct rb_range, list);
	if (before->next != &s->free_list)
		next = list_entry(before->next, struct rb_range, list);
	if (prev && prev->last + 1 != r->first)
		prev = NULL;
	if (next && next->first != r->last + 1)
		next = NULL;

	if (prev) {
		unused[0] = r;
		unused[1] = next;
		if (next)
			free_remove(s, next);
		prev->last = next ? next->last : r->last;
		free_augment_propagate(&prev->rb, NULL);
		return next ? 2 : 1;
	}
	if (next) {
		unused[0] = r;
		next->first = r->first;
		free_augment_propagate(&next->rb, NULL);
		return 1;
	}

	r->subtree_max = rb_range_size(r);
	rb_link_node(&r->rb, parent, link);
	free_augment_propagate(parent, NULL);
	rb_insert_augmented(&r->rb, &s->free, &free_augment);
	list_add(&r->list, before);
	return 0;
}

static void busy_insert(struct space *s, struct rb_range *r)
{
	struct rb_node **link = &s->busy.rb_node, *parent = NULL;
	struct list_head *before = &s->list;
	struct rb_range *other = NULL;

	while (*link) {
		parent = *link;
		other = to_range(parent);
		link = r->first < other->first ? &parent->rb_left : &parent->rb_right;
	}
	if (parent)
		before = link == &parent->rb_right ? &other->list : other->list.prev;
	rb_link_node(&r->rb, parent, link);
	rb_insert_color(&r->rb, &s->busy);
	list_add(&r->list, before);
	s->count++;
}

static struct rb_range *busy_find(struct space *s, unsigned long addr)
{
	struct rb_node *node = s->busy.rb_node;

	while (node) {
		struct rb_range *r = to_range(node);

		if (addr < r->first)
			node = node->rb_left;
		else if (addr > r->last)
			node = node->rb_right;
		else
			return r;
	}
	return NULL;
}

static int range_rb_map(struct space *s, struct req *req)
{
	struct rb_range *r = kmem_cache_alloc(s->cache, GFP_KERNEL), *unused = NULL;
	unsigned long size = req->last - req->first + 1;
	bool found;

	if (!r)
		return -ENOMEM;

	spin_lock(&s->free_lock);
	found = free_take(s, size, &req->first, &unused);
	spin_unlock(&s->free_lock);
	if (unused)
		kmem_cache_free(s->cache, unused);
	if (!found)
		return -EBUSY;

	req->last = req->first + size - 1;
	r->first = req->first;
	r->last = req->last;
	r->id = req->id;
	r->flags = 0;
	spin_lock(&s->lock);
	busy_insert(s, r);
	spin_unlock(&s->lock);
	return 0;
}

static int range_rb_unmap(struct space *s, const struct req *req)
{
	struct rb_range *r, *unused[2];
	int n;

	spin_lock(&s->lock);
	r = busy_find(s, req->first);
	if (r) {
		rb_erase(&r->rb, &s->busy);
		list_del(&r->list);
		s->count--;
	}
	spin_unlock(&s->lock);
	if (!r)
		return -ENOENT;

	spin_lock(&s->free_lock);
	n = free_add(s, r, unused);
	spin_unlock(&s->free_lock);
	while (n)
		kmem_cache_free(s->cache, unused[--n]);
	return 0;
}

static unsigned long range_rb_lookup(struct space *s, unsigned long addr)
{
	unsigned long ret = 0;
	struct rb_range *r;

	spin_lock(&s->lock);
	r = busy_find(s, addr);
	if (r)
		ret = r->first + r->id;
	spin_unlock(&s->lock);
	return ret;
}

static unsigned long range_rb_walk(struct space *s)
{
	unsigned long sum = 0;
	struct rb_range *r;

	spin_lock(&s->lock);
	list_for_each_entry(r, &s->list, list)
		sum = sum * 3 + r->first + r->id;
	spin_unlock(&s->lock);
	return sum;
}

static int range_rb_prepare(struct space *s)
{
	struct rb_range *r = kmem_cache_alloc(s->cache, GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	kmem_cache_free(s->cache, r);
	return 0;
}

/* What is free must be what is not in use. */
static int range_rb_dump(struct space *s, struct record *to)
{
	struct rb_node *node = rb_first(&s->busy), *free = rb_first(&s->free);
	struct rb_range *r, *f = list_first_entry(&s->free_list, struct rb_range, list);
	unsigned long n = 0, start = 0;

	list_for_each_entry(r, &s->list, list) {
		if (node != &r->rb || n++ == s->count)
			return -EINVAL;
		if (start != r->first) {
			if (free != &f->rb || f->first != start || f->last != r->first - 1)
				return -EINVAL;
			free = rb_next(free);
			f = list_next_entry(f, list);
		}
		start = r->last + 1;
		*to++ = (struct record){ r->first, r->last, r->id, 0 };
		node = rb_next(node);
	}
	/* And above the highest */
	if (free != &f->rb || f->first != start || rb_next(free))
		return -EINVAL;
	return node || n != s->count ? -EINVAL : 0;
}

/* With a maple tree: the gaps are in the same tree. */

static unsigned long range_top;	/* the highest address there is */

static int range_mt_map(struct space *s, struct req *req)
{
	struct mt_range *r = kmem_cache_alloc(s->cache, GFP_KERNEL);
	unsigned long size = req->last - req->first + 1;
	MA_STATE(mas, &s->mt, 0, 0);
	int ret;

	if (!r)
		return -ENOMEM;
	r->id = req->id;
	r->flags = 0;
	ret = mas_preallocate(&mas, r, GFP_KERNEL);
	if (ret)
		return ret;

	mas_lock(&mas);
	ret = mas_empty_area(&mas, 0, range_top, size);
	if (!ret) {
		r->first = mas.index;
		r->last = mas.last;
		ret = mas_store_prealloc(&mas, r);
	}
	if (!ret)
		s->count++;
	mas_unlock(&mas);
	req->first = r->first;
	req->last = r->last;
	return ret;
}

static int range_mt_unmap(struct space *s, const struct req *req)
{
	MA_STATE(mas, &s->mt, req->first, req->first);
	struct mt_range *r;
	int ret = mas_preallocate(&mas, NULL, GFP_KERNEL);

	if (ret)
		return ret;

	mas_lock(&mas);
	r = mas_walk(&mas);
	ret = r ? mas_store_prealloc(&mas, NULL) : -ENOENT;
	if (!ret)
		s->count--;
	mas_unlock(&mas);
	if (ret)
		return ret;
	if (in_rcu(s))
		kfree_rcu(r, rcu);
	else
		kmem_cache_free(s->cache, r);
	return 0;
}

static unsigned long range_mt_lookup(struct space *s, unsigned long addr)
{
	unsigned long ret = 0;
	struct mt_range *r;

	mt_read_lock(s);
	r = mtree_load(&s->mt, addr);
	if (r)
		ret = r->first + r->id;
	mt_read_unlock(s);
	return ret;
}

static unsigned long range_mt_walk(struct space *s)
{
	MA_STATE(mas, &s->mt, 0, 0);
	unsigned long sum = 0;
	struct mt_range *r;

	mt_read_lock(s);
	mas_for_each(&mas, r, ULONG_MAX)
		sum = sum * 3 + r->first + r->id;
	mt_read_unlock(s);
	return sum;
}

static int range_mt_prepare(struct space *s)
{
	MA_STATE(mas, &s->mt, 0, 0);
	struct mt_range *r = kmem_cache_alloc(s->cache, GFP_KERNEL);
	int ret = mas_preallocate(&mas, r, GFP_KERNEL);

	mas_destroy(&mas);
	if (!r)
		return -ENOMEM;
	kmem_cache_free(s->cache, r);
	return ret;
}

static int range_mt_dump(struct space *s, struct record *to)
{
	MA_STATE(mas, &s->mt, 0, 0);
	unsigned long n = 0;
	struct mt_range *r;
	int ret = 0;

	mas_lock(&mas);
	mas_for_each(&mas, r, ULONG_MAX) {
		if (mas.index != r->first || mas.last != r->last || n++ == s->count) {
			ret = -EINVAL;
			break;
		}
		*to++ = (struct record){ r->first, r->last, r->id, 0 };
	}
	mas_unlock(&mas);
	return n != s->count ? -EINVAL : ret;
}

static const struct ops range_rb = {
	.rb = true,
	.entry = sizeof(struct mt_range),
	.object = sizeof(struct rb_range),
	.map = range_rb_map,
	.unmap = range_rb_unmap,
	.lookup = range_rb_lookup,
	.walk = range_rb_walk,
	.prepare = range_rb_prepare,
	.dump = range_rb_dump,
};

static const struct ops range_mt = {
	.rb = false,
	.entry = sizeof(struct mt_range),
	.object = sizeof(struct mt_range),
	.map = range_mt_map,
	.unmap = range_mt_unmap,
	.lookup = range_mt_lookup,
	.walk = range_mt_walk,
	.prepare = range_mt_prepare,
	.dump = range_mt_dump,
};

static const struct way range_ways[] = {
	{ "rb", &range_rb, 0 },
	{ "allocation", &range_mt, MT_FLAGS_ALLOC_RANGE },
	{ "allocation,RCU", &range_mt, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
};

/*
 * The workload
 *
 * The model knows what is mapped, so that the requests can be made up before the clock
 * runs: for the GPU another space with an rb-tree, for the allocator a list of addresses.
 */
static struct space spaces[MAX_WAYS], model;
static unsigned int nr_ways;
static bool gpu;
static const char *user;	/* its name */
static unsigned long *live, nr_live, target, span;
static struct req *reqs;
static struct record *records[2];
static unsigned int results[NR_OPS][MAX_WAYS][MAX_BATCHES];
static unsigned int last_id;

/* object_size - drivers have kmalloc() for theirs, vmalloc has a cache of its own */
static size_t object_size(const struct way *way)
{
	return gpu ? kmalloc_size_roundup(way->ops->object) : way->ops->object;
}

static void space_init(struct space *s, const struct way *way)
{
	memset(s, 0, sizeof(*s));
	s->way = way;
	mt_init_flags(&s->mt, way->flags);
	s->vas = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&s->list);
	INIT_LIST_HEAD(&s->free_list);
	spin_lock_init(&s->lock);
	spin_lock_init(&s->free_lock);
	s->cache = kmem_cache_create(way->name, object_size(way), 0, SLAB_NO_MERGE, NULL);
	if (!s->cache) {
		fail("no cache");
		return;
	}
	if (!gpu && way->ops->rb) {
		struct rb_range *r = kmem_cache_alloc(s->cache, GFP_KERNEL), *unused[2];

		if (!r) {
			fail("no memory");
			return;
		}
		r->first = 0;
		r->last = range_top;
		free_add(s, r, unused);
	}
}

static void space_free(struct space *s)
{
	struct rb_range *r, *next_r;
	struct rb_va *va, *next_va;
	unsigned long i = 0;
	void *entry;

	if (!s->way->ops->rb) {
		mt_for_each(&s->mt, entry, i, ULONG_MAX)
			kmem_cache_free(s->cache, entry);
		mtree_destroy(&s->mt);
	} else if (gpu) {
		list_for_each_entry_safe(va, next_va, &s->list, list)
			kmem_cache_free(s->cache, va);
	} else {
		list_splice(&s->free_list, &s->list);
		list_for_each_entry_safe(r, next_r, &s->list, list)
			kmem_cache_free(s->cache, r);
	}
	kmem_cache_destroy(s->cache);
}

static noinline int run(struct space *s, enum op op, unsigned int nr, unsigned long *sum)
{
	const struct ops *ops = s->way->ops;
	unsigned long found = 0;
	unsigned int i;
	int ret = 0;

	switch (op) {
	case OP_MAP:
	case OP_REMAP:
		for (i = 0; i < nr && !ret; i++) {
			ret = ops->map(s, &reqs[i]);
			found = found * 3 + reqs[i].first;
		}
		break;
	case OP_UNMAP:
		for (i = 0; i < nr && !ret; i++)
			ret = ops->unmap(s, &reqs[i]);
		break;
	case OP_LOOKUP:
	case OP_HIT:
		for (i = 0; i < nr; i++)
			found = found * 3 + ops->lookup(s, reqs[i].first);
		break;
	case OP_WALK:
		found = ops->walk(s);
		break;
	default:
		for (i = 0; i < nr && !ret; i++)
			ret = ops->prepare(s);
	}
	*sum = found;
	return ret;
}

/*
 * run_all - @nr of @reqs in all spaces
 * @b: the batch, or less than 0 if the time does not count
 */
static void run_all(enum op op, unsigned int nr, int b)
{
	unsigned long sum, expected = 0, count = 0;

	for (unsigned int i = 0; i < nr_ways && !failed; i++) {
		unsigned int w = (max(b, 0) + i) % nr_ways;
		struct space *s = &spaces[w];
		u64 start;
		int ret;

		if (b >= 0) {
			/* Have the nodes back that the last one has freed. */
			rcu_barrier();
			/* The code into the caches, and the tree as far as it fits. */
			for (unsigned int j = 0; j < BATCH / 2; j++)
				s->way->ops->lookup(s, rnd(span));
		}

		start = ktime_get_ns();
		ret = run(s, op, nr, &sum);
		if (b >= 0)
			results[op][w][b] = div_u64((ktime_get_ns() - start) * 10,
						    op == OP_WALK ? s->count : nr);

		if (!i) {
			expected = sum;
			count = s->count;
		}
		if (ret)
			fail("%s by %s: %d", op_names[op], s->way->name, ret);
		else if (sum != expected)
			fail("%s by %s: not what others have found", op_names[op], s->way->name);
		else if (s->count != count)
			fail("%s by %s: %lu mappings, not %lu", op_names[op], s->way->name,
			     s->count, count);
	}
	cond_resched();
}

/* random_mapping - with any range, and for the GPU the longer the likelier */
static void random_mapping(struct req *req)
{
	if (gpu) {
		struct rb_va *va = va_it_iter_first(&model.vas, rnd(span), ULONG_MAX);

		if (!va)
			va = va_it_iter_first(&model.vas, 0, ULONG_MAX);
		req->first = va->va.first;
		req->last = va->va.last;
	} else {
		req->first = live[rnd(nr_live)];
		req->last = req->first;
	}
}

/* ask_map - @nr requests; @remaps % of them are for a range in which something is */
static void ask_map(unsigned int nr, unsigned int remaps)
{
	for (unsigned int i = 0; i < nr && !failed; i++) {
		struct req *req = &reqs[i];
		unsigned long size = 1 + rnd(MAX_PAGES);
		int ret;

		req->id = ++last_id;
		req->first = 0;
		req->remap = gpu && rnd(100) < remaps;
		if (req->remap) {
			random_mapping(req);
			req->first += rnd(req->last - req->first + 1);
		} else if (gpu) {
			do
				req->first = rnd(span - size);
			while (va_it_iter_first(&model.vas, req->first, req->first + size - 1));
		}
		req->last = req->first + size - 1;
		if (!gpu)
			continue;
		ret = model.way->ops->map(&model, req);
		if (ret)
			fail("map in the model: %d", ret);
	}
}

static void ask_unmap(unsigned int nr)
{
	for (unsigned int i = 0; i < nr && !failed; i++) {
		int ret = 0;

		if (gpu) {
			random_mapping(&reqs[i]);
			ret = model.way->ops->unmap(&model, &reqs[i]);
		} else {
			unsigned long j = rnd(nr_live);

			reqs[i].first = live[j];
			live[j] = live[--nr_live];
		}
		if (ret)
			fail("unmap in the model: %d", ret);
	}
}

static void map(unsigned int nr, unsigned int remaps, int b)
{
	ask_map(nr, remaps);
	run_all(remaps == 100 ? OP_REMAP : OP_MAP, nr, b);
	for (unsigned int i = 0; !gpu && i < nr && !failed; i++)
		live[nr_live++] = reqs[i].first;
}

static void unmap(unsigned int nr, int b)
{
	ask_unmap(nr);
	run_all(OP_UNMAP, nr, b);
}

/* settle - as many mappings as there should be */
static void settle(unsigned long n)
{
	while (spaces[0].count != n && !failed) {
		unsigned long count = spaces[0].count;

		if (count > n)
			unmap(min(count - n, BATCH), -1);
		else
			map(min(n - count, BATCH), count ? REMAPS : 0, -1);
	}
}

/* check - the contents are the same, to the last entry */
static void check(const char *when)
{
	struct space *reference = gpu ? &model : &spaces[0];
	unsigned long n = reference->count;
	int ret = reference->way->ops->dump(reference, records[0]);

	if (ret || n != target || (!gpu && n != nr_live)) {
		fail("%s: the model is not right", when);
		return;
	}
	for (unsigned int w = 0; w < nr_ways; w++) {
		if (spaces[w].count != n) {
			fail("%s: %s has %lu mappings, not %lu", when, spaces[w].way->name,
			     spaces[w].count, n);
			return;
		}
		ret = spaces[w].way->ops->dump(&spaces[w], records[1]);
		if (ret || memcmp(records[0], records[1], n * sizeof(*records[0])))
			fail("%s: %s differs", when, spaces[w].way->name);
	}
}

static void ask_lookup(bool hit)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		if (hit) {
			random_mapping(&reqs[i]);
			reqs[i].first += rnd(reqs[i].last - reqs[i].first + 1);
		} else {
			reqs[i].first = rnd(span);
		}
	}
}

/* once - each operation */
static void once(int b)
{
	unsigned int nr = min(target / 4, BATCH);
	unsigned long before = spaces[0].count;

	if (gpu) {
		map(nr, REMAPS, b);
		/* As many as have been added: a remap may add more than one, or none. */
		if (spaces[0].count <= before || spaces[0].count - before > 2 * BATCH)
			fail("%lu mappings more", spaces[0].count - before);
		else
			unmap(min(spaces[0].count - before, 2 * BATCH), b);
	} else {
		unmap(nr, b);
		map(nr, 0, b);
	}
	settle(target);
	ask_lookup(false);
	run_all(OP_LOOKUP, BATCH, b);
	ask_lookup(true);
	run_all(OP_HIT, BATCH, b);
	run_all(OP_WALK, 1, b);
	run_all(OP_PREPARE, BATCH, b);
}

static int cmp_uint(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

static void print_times(void)
{
	for (unsigned int op = 0; op < NR_OPS; op++) {
		for (unsigned int w = 0; w < nr_ways && (gpu || op != OP_REMAP); w++) {
			unsigned int *r = results[op][w] + WARM_UP;

			sort(r, batches, sizeof(*r), cmp_uint, NULL);
			pr_info("BENCH user=%s op=%s way=%s n=%lu ns=%u.%u\n", user, op_names[op],
				spaces[w].way->name, target, r[batches / 2] / 10,
				r[batches / 2] % 10);
		}
	}
}

static struct maple_node *to_node(const void *p)
{
	return (struct maple_node *)((unsigned long)p & ~MAPLE_NODE_MASK);
}

/* count_nodes - up from each leaf, to where the one before has been already */
static unsigned long count_nodes(struct maple_tree *mt)
{
	struct maple_node *path[MAPLE_HEIGHT_MAX] = {}, *node;
	MA_STATE(mas, mt, 0, 0);
	unsigned long nodes = 0;
	void *entry;

	mas_lock(&mas);
	mas_for_each(&mas, entry, ULONG_MAX) {
		node = to_node(mas.node);
		for (unsigned int i = 0; node != path[i]; i++) {
			path[i] = node;
			nodes++;
			if ((unsigned long)node->parent & 1)	/* it is the root */
				break;
			node = to_node(node->parent);
		}
	}
	mas_unlock(&mas);
	return nodes;
}

static void print_memory(void)
{
	for (unsigned int w = 0; w < nr_ways; w++) {
		struct space *s = &spaces[w];
		unsigned long bytes = 0, count = 0;
		struct list_head *pos;

		if (!s->way->ops->rb) {
			count = count_nodes(&s->mt);
			bytes = count * sizeof(struct maple_node);
		} else {
			list_for_each(pos, &s->free_list)
				count++;
			bytes = s->count * (s->way->ops->object - s->way->ops->entry) +
				count * s->way->ops->object;
		}
		pr_info("BENCH user=%s way=%s n=%lu index=%lu extra=%lu entry=%zu object=%zu slab=%zu\n",
			user, s->way->name, target, bytes, count, s->way->ops->entry,
			s->way->ops->object, object_size(s->way));
	}
}

static void measure(void)
{
	unsigned int nr = min(target / 4, BATCH);

	for (unsigned int w = 0; w < nr_ways; w++)
		space_init(&spaces[w], gpu ? &gpu_ways[w] : &range_ways[w]);
	if (gpu)
		space_init(&model, &gpu_ways[0]);
	if (failed)
		return;

	/* The allocator has a past: a quarter more, and half of them replaced. */
	if (!gpu) {
		settle(target + target / 4);
		settle(target);
		for (unsigned long i = 0; i < target / 2 && !failed; i += nr) {
			unmap(nr, -1);
			map(nr, 0, -1);
		}
		/* Nothing is looked up above the highest. */
		span = 1;
		for (unsigned long i = 0; i < nr_live; i++)
			span = max(span, live[i] + 1);
	}
	settle(target);
	if (failed)
		return;
	check("filled");

	/* Without the clock first: what is timed must work. */
	if (!failed)
		once(-1);
	if (!failed)
		check("done once");
	for (unsigned int b = 0; b < batches + WARM_UP && !failed; b++)
		once(b);
	if (failed)
		return;
	check("timed");
	print_memory();

	/* These break the mappings into ever smaller ones: at the end. */
	for (unsigned int b = 0; gpu && b < batches + WARM_UP && !failed; b++) {
		map(nr, 100, b);
		settle(target);
	}
	if (failed)
		return;
	check("remapped");
	print_times();

	for (unsigned int w = 0; w < nr_ways; w++)
		space_free(&spaces[w]);
	if (gpu)
		space_free(&model);
	nr_live = 0;
	rcu_barrier();
}

static long slab_bytes(void)
{
	return (global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)) * PAGE_SIZE;
}

#define PENDING 1000

/* pending - what reservations hold that have not been used yet */
static void pending(void)
{
	static struct ma_state states[PENDING];
	struct kmem_cache *cache;
	DEFINE_MTREE(mt);
	long before;

	for (unsigned long i = 0; i < 100; i++)
		if (mtree_store(&mt, i * 2, xa_mk_value(i), GFP_KERNEL))
			fail("no memory");
	/* The cache has no name outside of lib/maple_tree.c: a node knows it. */
	cache = virt_to_slab(to_node(mt.ma_root))->slab_cache;
	kmem_cache_shrink(cache);
	before = slab_bytes();
	for (unsigned int i = 0; i < PENDING; i++) {
		mas_init(&states[i], &mt, 0);
		if (mas_preallocate(&states[i], NULL, GFP_KERNEL))
			fail("no memory");
	}
	pr_info("BENCH user=both held=%ld\n", (slab_bytes() - before) / PENDING);
	for (unsigned int i = 0; i < PENDING; i++)
		mas_destroy(&states[i]);
	mtree_destroy(&mt);
}

static int __init users_bench(void)
{
	unsigned long room;

	if (!entries)
		return 0;

	batches = clamp(batches, 1U, MAX_BATCHES - WARM_UP);
	/* A batch may be on top of the mappings, and the allocator begins with more. */
	room = entries + entries / 4 + 4 * BATCH;
	live = vmalloc_array(room, sizeof(*live));
	reqs = vmalloc_array(2 * BATCH, sizeof(*reqs));
	records[0] = vmalloc_array(room, sizeof(*records[0]));
	records[1] = vmalloc_array(room, sizeof(*records[1]));
	if (!live || !reqs || !records[0] || !records[1])
		fail("no memory");

	prandom_seed_state(&rnd_state, 42);
	for (target = 1000; target <= entries && !failed; target *= target == 1000 ? 100 : 5) {
		range_top = target * 2 * MAX_PAGES;
		for (unsigned int i = 0; i < 2 && !failed; i++) {
			gpu = !i;
			user = gpu ? "gpu" : "range";
			span = gpu ? target * ROOM : range_top;
			nr_ways = gpu ? ARRAY_SIZE(gpu_ways) : ARRAY_SIZE(range_ways);
			measure();
		}
	}
	if (!failed)
		pending();
	if (!failed)
		pr_info("BENCH done\n");
	kernel_power_off();	/* UML would start again */
	return 0;
}
late_initcall(users_bench);
