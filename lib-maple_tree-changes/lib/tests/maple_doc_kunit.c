// SPDX-License-Identifier: GPL-2.0
/*
 * The examples of Documentation/core-api/maple_tree.rst, which includes them from here,
 * and their tests.  Also built for user space, where allocations can be made to fail.
 */
#include <kunit/test.h>

#ifdef __KERNEL__
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#define CAN_REFUSE	false
static unsigned long refuse_memory(bool refuse) { return 0; }
static void expect_no_nodes(struct kunit *test) { }
#endif

#define FOO_MIN		1000UL
#define FOO_MAX		1999UL

/* [types] */
struct foo_va {
	unsigned long first, last;	/* its range in the tree, inclusive */
	unsigned long object, offset;	/* what is mapped at ->first */
	struct list_head node;
	struct rcu_head rcu;
};

struct foo {
	struct maple_tree mt;
	struct mutex lock;		/* only for an external lock */
	int (*program)(struct foo_va *va);
};

/* [types end] */

/* [init] */
/* Internal lock, RCU readers, gap searches */
static void foo_init(struct foo *foo)
{
	mt_init_flags(&foo->mt, MT_FLAGS_USE_RCU | MT_FLAGS_ALLOC_RANGE);
}

/* External lock.  Without MT_FLAGS_USE_RCU, readers must hold it, too. */
static void foo_init_external(struct foo *foo)
{
	mutex_init(&foo->lock);
	mt_init_flags(&foo->mt, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&foo->mt, &foo->lock);
}

/* [init end] */

/* [store] */
static int foo_store(struct foo *foo, struct foo_va *va)
{
	MA_STATE(mas, &foo->mt, va->first, va->last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, va, GFP_KERNEL);
	mas_unlock(&mas);
	return ret;
}

/* [store end] */

/* [external] */
static int foo_store_external(struct foo *foo, struct foo_va *va)
{
	MA_STATE(mas, &foo->mt, va->first, va->last);
	int ret;

	mutex_lock(&foo->lock);
	ret = mas_preallocate(&mas, va, GFP_KERNEL);
	if (ret)
		goto unlock;

	ret = foo->program(va);		/* The hardware may refuse. */
	if (ret)
		mas_destroy(&mas);
	else
		WARN_ON_ONCE(mas_store_prealloc(&mas, va));
unlock:
	mutex_unlock(&foo->lock);
	return ret;
}

/* [external end] */

/* [job] */
struct foo_job {
	struct ma_state mas;
	unsigned long first, last;
	struct foo_va *new;		/* NULL to unmap */
	struct foo_va *prev, *next;	/* what remains of mappings that are cut */
	struct list_head dead;		/* what has been replaced */
};

/* [job end] */

/* [prepare] */
/*
 * Frees what the job still holds.  Call it at most once, after foo_prepare()
 * has succeeded: instead of foo_run(), or from foo_finish().
 */
static void foo_cancel(struct foo_job *job)
{
	mas_destroy(&job->mas);
	kfree(job->new);
	kfree(job->prev);
	kfree(job->next);
}

/*
 * In the ioctl.  The caller has checked the range.  It has set job->new, and has set
 * first and last in both the job and job->new.  On failure, foo_prepare() itself cancels
 * the job, which frees job->new.
 */
static int foo_prepare(struct foo *foo, struct foo_job *job)
{
	int ret = -ENOMEM;

	INIT_LIST_HEAD(&job->dead);
	mas_init(&job->mas, &foo->mt, 0);
	job->prev = kzalloc_obj(*job->prev);
	job->next = kzalloc_obj(*job->next);
	if (job->prev && job->next)
		ret = mas_reserve(&job->mas, GFP_KERNEL);
	if (ret)
		foo_cancel(job);
	return ret;
}

/* [prepare end] */

/* [run] */
static struct foo_va *foo_find(struct ma_state *mas, unsigned long index)
{
	struct foo_va *va;

	mas_set(mas, index);
	va = mas_walk(mas);
	return xa_is_zero(va) ? NULL : va;
}

/* Also compare whatever else your mappings have, such as flags. */
static bool foo_continues(struct foo_va *a, struct foo_va *b)
{
	return a->object == b->object && b->offset - a->offset == b->first - a->first;
}

/* Merge the new mapping with the neighbours that it continues. */
static void foo_merge(struct ma_state *mas, struct foo_va *new)
{
	struct foo_va *va;

	va = new->first ? foo_find(mas, new->first - 1) : NULL;
	if (va && foo_continues(va, new)) {
		new->first = va->first;
		new->offset = va->offset;
		new->last = max(new->last, va->last);
	}
	va = new->last < ULONG_MAX ? foo_find(mas, new->last + 1) : NULL;
	if (va && foo_continues(new, va))
		new->last = va->last;
}

/* Let part be what is left of old. */
static void foo_cut(struct foo_va *part, struct foo_va *old,
		    unsigned long first, unsigned long last)
{
	part->first = first;
	part->last = last;
	part->object = old->object;
	part->offset = old->offset + (first - old->first);
}

/* The tree has an entry in exactly this range.  Takes *va out of the job. */
static void foo_replace(struct ma_state *mas, struct foo_va **va)
{
	mas_set_range(mas, (*va)->first, (*va)->last);
	if (!WARN_ON_ONCE(mas_store_prealloc(mas, *va)))
		*va = NULL;
}

static int foo_map_range(struct foo_job *job, unsigned long first, unsigned long last)
{
	struct ma_state *mas = &job->mas;
	struct foo_va *prev, *next;
	bool cut_prev, cut_next;
	int ret;

	prev = foo_find(mas, first);
	cut_prev = prev && prev->first < first;
	if (cut_prev)
		foo_cut(job->prev, prev, prev->first, first - 1);
	next = foo_find(mas, last);
	cut_next = next && next->last > last;
	if (cut_next)
		foo_cut(job->next, next, last + 1, next->last);

	/* Only this store may need nodes. */
	mas_set_range(mas, first, last);
	ret = mas_store_prealloc(mas, job->new);
	if (ret)
		return ret;

	if (cut_prev)
		foo_replace(mas, &job->prev);
	if (cut_next)
		foo_replace(mas, &job->next);
	return 0;
}

/*
 * In the worker, once: does not allocate, and fails only if the tree is too large.
 * Program the hardware in the order of the stores: run all jobs of a tree in one ordered
 * queue.  Copy new before you call foo_run(): a later job may replace and free it.
 */
static int foo_run(struct foo_job *job)
{
	unsigned long first = job->first, last = job->last;
	struct ma_state *mas = &job->mas;
	struct foo_va *va;
	int ret;

	mas_lock(mas);
	if (job->new) {
		foo_merge(mas, job->new);
		first = job->new->first;
		last = job->new->last;
	}
	mas_set(mas, first);
	mas_for_each(mas, va, last)
		if (!xa_is_zero(va))
			list_add(&va->node, &job->dead);

	ret = foo_map_range(job, first, last);
	if (ret)
		INIT_LIST_HEAD(&job->dead);	/* still mapped */
	else
		job->new = NULL;		/* now in the tree */
	mas_unlock(mas);
	return ret;
}

/* After the fence has signalled, in process context: not in a callback of the fence */
static void foo_finish(struct foo_job *job)
{
	struct foo_va *va, *tmp;

	list_for_each_entry_safe(va, tmp, &job->dead, node)
		kfree_rcu(va, rcu);
	foo_cancel(job);
}

/* [run end] */

/* [steps] */
/* With the lock held.  Stores entry in exactly the range of old: free old after the last store. */
static void foo_step(struct foo *foo, struct foo_va *old, void *entry)
{
	MA_STATE(mas, &foo->mt, old->first, old->last);

	WARN_ON_ONCE(mas_store_prealloc(&mas, entry));
}

/* [steps end] */

/* [retire] */
/*
 * va must not be freed in the meantime: own it, hold a reference, or call this under
 * rcu_read_lock().  On success, free it with kfree_rcu().  -ENOENT: somebody else has
 * removed it.  -ENOMEM, only in 0 to 0: it is still there.  The range stays in use until
 * foo_reclaim().
 */
static int foo_retire(struct foo *foo, struct foo_va *va)
{
	MA_STATE(mas, &foo->mt, va->first, va->first);
	int ret = -ENOENT;

	mas_lock(&mas);
	if (mas_walk(&mas) == va)
		ret = mas_store_prealloc(&mas, XA_ZERO_ENTRY);
	mas_unlock(&mas);
	return ret;
}

/* In process context, after each foo_retire().  It can miss a mark that is set while it runs. */
static int foo_reclaim(struct foo *foo)
{
	MA_STATE(mas, &foo->mt, 0, 0);
	void *entry;
	int ret;

	do {
		/* This also resets the state: the tree may have changed. */
		ret = mas_reserve(&mas, GFP_KERNEL);
		if (ret)
			break;

		mas_lock(&mas);
		mas_for_each(&mas, entry, ULONG_MAX)
			if (xa_is_zero(entry))
				break;
		if (entry)
			ret = mas_store_prealloc(&mas, NULL);
		mas_unlock(&mas);
	} while (entry && !ret);
	mas_destroy(&mas);
	return ret;
}

/* [retire end] */

/* [alloc] */
/* align is a power of two. */
static int foo_alloc(struct foo *foo, struct foo_va *va, unsigned long size,
		     unsigned long align)
{
	MA_STATE(mas, &foo->mt, 0, 0);
	unsigned long min = FOO_MIN;
	int ret;

	ret = mas_reserve(&mas, GFP_KERNEL);
	if (ret)
		return ret;

	mas_lock(&mas);
	do {
		ret = mas_empty_area(&mas, min, FOO_MAX, size);
		min = ALIGN(mas.index, align);
		if (!ret && min < mas.index)
			ret = -EBUSY;	/* beyond ULONG_MAX */
	} while (!ret && min != mas.index);
	if (!ret) {
		va->first = mas.index;
		va->last = mas.last;
		ret = mas_store_prealloc(&mas, va);
	}
	mas_unlock(&mas);
	mas_destroy(&mas);
	return ret;
}

/* [alloc end] */

/* [later] */
static int foo_reserve(struct ma_state *mas)
{
	mas_init(mas, NULL, 0);
	return mas_reserve(mas, GFP_KERNEL);
}

/* Fails only if the tree is too large. */
static int foo_store_later(struct foo *foo, struct ma_state *mas, struct foo_va *va)
{
	int ret;

	mutex_lock(&foo->lock);
	mas->tree = &foo->mt;
	mas_set_range(mas, va->first, va->last);
	ret = mas_store_prealloc(mas, va);
	mutex_unlock(&foo->lock);
	mas_destroy(mas);
	return ret;
}

/* [later end] */

/* [destroy] */
/* No jobs and no new readers.  Earlier readers may still be in the tree. */
static void foo_destroy(struct foo *foo)
{
	struct foo_va *va;

	MA_STATE(mas, &foo->mt, 0, 0);

	mas_lock(&mas);
	mas_for_each(&mas, va, ULONG_MAX)
		if (!xa_is_zero(va))
			kfree_rcu(va, rcu);
	__mt_destroy(&foo->mt);
	mas_unlock(&mas);
}

/* Without RCU mode, and without marks */
static void foo_destroy_external(struct foo *foo)
{
	struct foo_va *va;

	MA_STATE(mas, &foo->mt, 0, 0);

	mutex_lock(&foo->lock);
	mas_for_each(&mas, va, ULONG_MAX)
		kfree(va);
	__mt_destroy(&foo->mt);
	mutex_unlock(&foo->lock);
}

/* [destroy end] */

/* What follows are tests. */
static struct foo foo;

static struct foo_va *new_va(struct kunit *test, unsigned long first, unsigned long last,
			     unsigned long object, unsigned long offset)
{
	struct foo_va *va = kzalloc_obj(*va);

	KUNIT_ASSERT_NOT_NULL(test, va);
	va->first = first;
	va->last = last;
	va->object = object;
	va->offset = offset;
	return va;
}

/* The tree holds exactly these mappings.  One with no object ends the array. */
static void expect_vas(struct kunit *test, const struct foo_va *want)
{
	struct foo_va *va;

	MA_STATE(mas, &foo.mt, 0, 0);

	rcu_read_lock();
	mas_for_each(&mas, va, ULONG_MAX) {
		KUNIT_EXPECT_EQ(test, mas.index, want->first);
		KUNIT_EXPECT_EQ(test, mas.last, want->last);
		KUNIT_EXPECT_EQ(test, va->first, want->first);
		KUNIT_EXPECT_EQ(test, va->last, want->last);
		KUNIT_EXPECT_EQ(test, va->object, want->object);
		KUNIT_EXPECT_EQ(test, va->offset, want->offset);
		want++;
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, want->object, 0);
}

static void submit_and_run(struct kunit *test, unsigned long first, unsigned long last,
			   unsigned long object, unsigned long offset)
{
	struct foo_job job = { .first = first, .last = last };

	if (object)
		job.new = new_va(test, first, last, object, offset);
	KUNIT_ASSERT_EQ(test, foo_prepare(&foo, &job), 0);
	KUNIT_EXPECT_EQ(test, foo_run(&job), 0);
	foo_finish(&job);
}

static void doc_map(struct kunit *test)
{
	submit_and_run(test, 0, 99, 1, 0);
	submit_and_run(test, 100, 199, 2, 0);
	submit_and_run(test, 50, 149, 3, 0);
	expect_vas(test, (struct foo_va[]){
		{ 0, 49, 1, 0 }, { 50, 149, 3, 0 }, { 150, 199, 2, 50 }, {}
	});
	submit_and_run(test, 60, 69, 4, 0);
	expect_vas(test, (struct foo_va[]){
		{ 0, 49, 1, 0 }, { 50, 59, 3, 0 }, { 60, 69, 4, 0 }, { 70, 149, 3, 20 },
		{ 150, 199, 2, 50 }, {}
	});
}

static void doc_unmap(struct kunit *test)
{
	submit_and_run(test, 0, 99, 1, 0);
	submit_and_run(test, 20, 29, 0, 0);
	submit_and_run(test, 40, ULONG_MAX, 0, 0);
	expect_vas(test, (struct foo_va[]){ { 0, 19, 1, 0 }, { 30, 39, 1, 30 }, {} });
}

static void doc_merge(struct kunit *test)
{
	submit_and_run(test, 0, 99, 1, 0);
	submit_and_run(test, 200, 299, 1, 200);
	submit_and_run(test, 50, 199, 1, 50);
	expect_vas(test, (struct foo_va[]){ { 0, 299, 1, 0 }, {} });
	submit_and_run(test, 100, 199, 1, 100);
	expect_vas(test, (struct foo_va[]){ { 0, 299, 1, 0 }, {} });
}

/* foo_prepare() gives back what it has, and so does foo_cancel(). */
static void doc_cancel(struct kunit *test)
{
	struct foo_job job = { .new = new_va(test, 0, 99, 1, 0) };

	KUNIT_ASSERT_EQ(test, foo_prepare(&foo, &job), 0);
	foo_cancel(&job);
	job.new = new_va(test, 0, 99, 1, 0);
	refuse_memory(CAN_REFUSE);
	KUNIT_EXPECT_EQ(test, foo_prepare(&foo, &job), CAN_REFUSE ? -ENOMEM : 0);
	refuse_memory(false);
	if (!CAN_REFUSE)
		foo_cancel(&job);
}

/* Steps that unmap one mapping and cut another, and then the store for all of them */
static void doc_steps(struct kunit *test)
{
	struct foo_va *a, *b, *next;

	MA_STATE(mas, &foo.mt, 10, 49);

	a = new_va(test, 10, 19, 1, 0);
	b = new_va(test, 20, 99, 2, 0);
	next = new_va(test, 50, 99, 2, 30);
	KUNIT_ASSERT_EQ(test, foo_store(&foo, a), 0);
	KUNIT_ASSERT_EQ(test, foo_store(&foo, b), 0);
	KUNIT_ASSERT_EQ(test, mas_reserve(&mas, GFP_KERNEL), 0);
	mas_lock(&mas);
	foo_step(&foo, a, XA_ZERO_ENTRY);
	foo_step(&foo, b, next);
	KUNIT_EXPECT_EQ(test, mas_store_prealloc(&mas, NULL), 0);
	mas_unlock(&mas);
	mas_destroy(&mas);
	kfree_rcu(a, rcu);
	kfree_rcu(b, rcu);
	expect_vas(test, (struct foo_va[]){ { 50, 99, 2, 30 }, {} });
}

/* A step that cuts a mapping at both ends, and is backed out once */
static void doc_steps_remap(struct kunit *test)
{
	struct foo_va *old, *prev, *next;

	MA_STATE(mas, &foo.mt, 20, 29);

	old = new_va(test, 10, 49, 1, 0);
	prev = new_va(test, 10, 19, 1, 0);
	next = new_va(test, 30, 49, 1, 20);
	KUNIT_ASSERT_EQ(test, foo_store(&foo, old), 0);
	KUNIT_ASSERT_EQ(test, mas_reserve(&mas, GFP_KERNEL), 0);
	mas_lock(&mas);
	foo_step(&foo, old, prev);
	foo_step(&foo, old, old);
	KUNIT_EXPECT_PTR_EQ(test, mtree_load(&foo.mt, 40), old);
	foo_step(&foo, old, prev);
	KUNIT_EXPECT_EQ(test, mas_store_prealloc(&mas, NULL), 0);
	foo_step(&foo, next, next);
	mas_unlock(&mas);
	mas_destroy(&mas);
	kfree_rcu(old, rcu);
	expect_vas(test, (struct foo_va[]){ { 10, 19, 1, 0 }, { 30, 49, 1, 20 }, {} });
}

static void doc_retire(struct kunit *test)
{
	struct foo_va *va = new_va(test, 10, 19, 1, 0);

	KUNIT_ASSERT_EQ(test, foo_store(&foo, va), 0);
	KUNIT_ASSERT_EQ(test, foo_store(&foo, new_va(test, 20, 29, 2, 0)), 0);
	KUNIT_EXPECT_EQ(test, foo_retire(&foo, va), 0);
	KUNIT_EXPECT_EQ(test, foo_retire(&foo, va), -ENOENT);
	kfree_rcu(va, rcu);
	KUNIT_EXPECT_PTR_EQ(test, mtree_load(&foo.mt, 10), NULL);
	KUNIT_EXPECT_EQ(test, mtree_insert(&foo.mt, 10, &foo, GFP_KERNEL), -EEXIST);
	KUNIT_EXPECT_EQ(test, foo_reclaim(&foo), 0);
	expect_vas(test, (struct foo_va[]){ { 20, 29, 2, 0 }, {} });
}

static void doc_alloc(struct kunit *test)
{
	struct foo_va *a = new_va(test, 0, 0, 1, 0), *b = new_va(test, 0, 0, 2, 0);
	struct foo_va none;

	KUNIT_EXPECT_EQ(test, foo_alloc(&foo, a, 100, 64), 0);
	KUNIT_EXPECT_EQ(test, foo_alloc(&foo, b, 464, 512), 0);
	KUNIT_EXPECT_EQ(test, foo_alloc(&foo, &none, 100, 512), -EBUSY);
	expect_vas(test, (struct foo_va[]){ { 1024, 1123, 1, 0 }, { 1536, 1999, 2, 0 }, {} });
}

static int program(struct foo_va *va)
{
	return va->object ? 0 : -EBUSY;
}

static void doc_external(struct kunit *test)
{
	struct foo_va refused = {}, *a = new_va(test, 0, 9, 1, 0), *b = new_va(test, 10, 19, 2, 0);
	struct ma_state mas;

	foo_init_external(&foo);
	foo.program = program;
	KUNIT_ASSERT_EQ(test, foo_reserve(&mas), 0);
	KUNIT_EXPECT_EQ(test, foo_store_external(&foo, a), 0);
	KUNIT_EXPECT_EQ(test, foo_store_external(&foo, &refused), -EBUSY);
	KUNIT_EXPECT_EQ(test, foo_store_later(&foo, &mas, b), 0);
	mutex_lock(&foo.lock);
	expect_vas(test, (struct foo_va[]){ { 0, 9, 1, 0 }, { 10, 19, 2, 0 }, {} });
	mutex_unlock(&foo.lock);
	foo_destroy_external(&foo);
	foo_init(&foo);
}

#ifdef __KERNEL__
/* [irq] */
/* In process context.  MT_FLAGS_LOCK_IRQ only says how you use the lock. */
static int foo_arm(struct foo *foo, struct ma_state *mas)
{
	mt_init_flags(&foo->mt, MT_FLAGS_USE_RCU | MT_FLAGS_LOCK_IRQ);
	mas_init(mas, &foo->mt, 0);
	return mas_reserve(mas, GFP_KERNEL);
}

/* In the interrupt, once: the reservation is enough for one store. */
static void foo_interrupt(struct ma_state *mas, struct foo_va *va)
{
	mas_lock(mas);
	mas_set_range(mas, va->first, va->last);
	WARN_ON_ONCE(mas_store_prealloc(mas, va));
	mas_unlock(mas);
}

/* In process context, after the last interrupt.  Does not free the entries. */
static void foo_disarm(struct foo *foo, struct ma_state *mas)
{
	unsigned long flags;

	mas_destroy(mas);
	mas_lock_irqsave(mas, flags);
	__mt_destroy(&foo->mt);
	mas_unlock_irqrestore(mas, flags);
}

/* [irq end] */

struct interrupt {
	struct hrtimer timer;
	struct ma_state mas;
	struct foo_va va;
};

static enum hrtimer_restart interrupt_comes(struct hrtimer *timer)
{
	struct interrupt *i = container_of(timer, struct interrupt, timer);

	foo_interrupt(&i->mas, &i->va);
	return HRTIMER_NORESTART;
}

static void doc_interrupt(struct kunit *test)
{
	static struct interrupt i = { .va = { 5, 2000 } };
	static struct lock_class_key irq_lock;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the lock cannot be taken there with PREEMPT_RT");

	KUNIT_ASSERT_EQ(test, foo_arm(&foo, &i.mas), 0);
	/* Otherwise, the locks of all trees in this file would be in the same class. */
	lockdep_set_class(&foo.mt.ma_lock, &irq_lock);
	hrtimer_setup(&i.timer, interrupt_comes, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_start(&i.timer, us_to_ktime(100), HRTIMER_MODE_REL);
	while (hrtimer_active(&i.timer))
		msleep(20);
	KUNIT_EXPECT_PTR_EQ(test, mtree_load(&foo.mt, 1000), &i.va);
	foo_disarm(&foo, &i.mas);
	foo_init(&foo);
}
#endif

static int doc_init(struct kunit *test)
{
	foo_init(&foo);
	return 0;
}

static void doc_exit(struct kunit *test)
{
	foo_destroy(&foo);
	expect_no_nodes(test);
}

static struct kunit_case doc_cases[] = {
	KUNIT_CASE(doc_map),
	KUNIT_CASE(doc_unmap),
	KUNIT_CASE(doc_merge),
	KUNIT_CASE(doc_cancel),
	KUNIT_CASE(doc_steps),
	KUNIT_CASE(doc_steps_remap),
	KUNIT_CASE(doc_retire),
	KUNIT_CASE(doc_alloc),
	KUNIT_CASE(doc_external),
#ifdef __KERNEL__
	KUNIT_CASE(doc_interrupt),
#endif
	{}
};

static struct kunit_suite doc_suite = {
	.name = "maple_doc",
	.init = doc_init,
	.exit = doc_exit,
	.test_cases = doc_cases,
};

kunit_test_suites(&doc_suite);

MODULE_DESCRIPTION("Examples of the documentation of the maple tree");
MODULE_LICENSE("GPL");
