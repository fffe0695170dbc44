// SPDX-License-Identifier: GPL-2.0
/*
 * The examples of Documentation/core-api/maple_tree.rst, word for word but for
 * `static', and tests of them.
 */
#include <kunit/test.h>

#include <linux/completion.h>
#include <linux/debug_locks.h>
#include <linux/hrtimer.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#define FOO_MIN		100
#define FOO_MAX		1099
#define FOO_SIZE	30	/* of all items, at most */

struct item {
	unsigned long first, last;
	struct rcu_head rcu;
};

struct foo {
	struct maple_tree mt;
	struct mutex lock;	/* if mt has an external lock */
	unsigned long size;	/* of all items */
	struct ma_state mas;	/* of the interrupt handler */
};

static int foo_store(struct foo *foo, struct item *item)
{
	MA_STATE(mas, &foo->mt, item->first, item->last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, item, GFP_KERNEL);
	mas_unlock(&mas);
	return ret;
}

static int foo_charge(struct foo *foo, struct item *item)
{
	unsigned long size = item->last - item->first + 1;

	if (foo->size + size > FOO_SIZE)
		return -ENOSPC;
	foo->size += size;
	return 0;
}

static void foo_init_external(struct foo *foo)
{
	mutex_init(&foo->lock);
	mt_init_flags(&foo->mt, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&foo->mt, &foo->lock);
}

static int foo_store_external(struct foo *foo, struct item *item)
{
	MA_STATE(mas, &foo->mt, item->first, item->last);
	int ret;

	mutex_lock(&foo->lock);
	ret = mas_preallocate(&mas, item, GFP_KERNEL);
	if (ret)
		goto unlock;

	ret = foo_charge(foo, item);
	if (ret) {
		mas_destroy(&mas);	/* give the nodes back */
		goto unlock;
	}

	WARN_ON_ONCE(mas_store_prealloc(&mas, item));
unlock:
	mutex_unlock(&foo->lock);
	return ret;
}

struct foo_job {
	struct ma_state mas;
	struct item *item, *left, *right;
};

/* May sleep, and fail. */
static int foo_prepare(struct foo *foo, struct foo_job *job)
{
	mas_init(&job->mas, &foo->mt, 0);
	return mas_preallocate(&job->mas, NULL, GFP_KERNEL);
}

/* Later, in any thread: does not wait for memory, does not fail. */
static void foo_run(struct foo_job *job)
{
	mas_lock(&job->mas);
	mas_set_range(&job->mas, job->item->first, job->item->last);
	WARN_ON_ONCE(mas_store_prealloc(&job->mas, job->item));
	mas_unlock(&job->mas);
}

/* Or, instead: */
static void foo_cancel(struct foo_job *job)
{
	mas_destroy(&job->mas);
}

static int foo_reserve(struct foo_job *job)
{
	mas_init(&job->mas, NULL, 0);
	return mas_reserve(&job->mas, GFP_KERNEL);
}

static void foo_run_external(struct foo *foo, struct foo_job *job)
{
	mutex_lock(&foo->lock);
	job->mas.tree = &foo->mt;
	mas_set_range(&job->mas, job->item->first, job->item->last);
	WARN_ON_ONCE(mas_store_prealloc(&job->mas, job->item));
	mutex_unlock(&foo->lock);
	mas_destroy(&job->mas);
}

static int foo_prepare_all(struct foo *foo, struct foo_job *jobs, int n)
{
	int ret, i;

	for (i = 0; i < n; i++) {
		ret = foo_prepare(foo, &jobs[i]);
		if (ret)
			goto cancel;
	}
	return 0;

cancel:
	while (i--)
		foo_cancel(&jobs[i]);
	return ret;
}

/*
 * The item of the job goes into one that is in the tree.  Returns that
 * one, to be freed by kfree_rcu(), or NULL if there is none.  What has been
 * used of left and right is NULL in the job then.
 */
static struct item *foo_split(struct foo_job *job)
{
	struct item *old, *item = job->item;
	struct ma_state *mas = &job->mas;
	unsigned long first, last;

	mas_lock(mas);
	mas_set(mas, item->first);
	old = mas_walk(mas);
	first = mas->index;
	last = mas->last;
	if (!old || last < item->last) {
		mas_unlock(mas);
		mas_destroy(mas);
		return NULL;
	}

	/* The middle first: it is this store that may need nodes. */
	mas_set_range(mas, item->first, item->last);
	WARN_ON_ONCE(mas_store_prealloc(mas, item));

	if (first < item->first) {
		job->left->first = first;
		job->left->last = item->first - 1;
		mas_set_range(mas, job->left->first, job->left->last);
		WARN_ON_ONCE(mas_store_prealloc(mas, job->left));
		job->left = NULL;
	}
	if (last > item->last) {
		job->right->first = item->last + 1;
		job->right->last = last;
		mas_set_range(mas, job->right->first, job->right->last);
		WARN_ON_ONCE(mas_store_prealloc(mas, job->right));
		job->right = NULL;
	}
	mas_unlock(mas);
	return old;
}

static int foo_alloc(struct foo *foo, struct item *item, unsigned long size)
{
	MA_STATE(mas, &foo->mt, 0, 0);
	int ret;

	ret = mas_preallocate(&mas, NULL, GFP_KERNEL);
	if (ret)
		return ret;

	mas_lock(&mas);
	ret = mas_empty_area(&mas, FOO_MIN, FOO_MAX, size);
	if (!ret) {
		item->first = mas.index;
		item->last = mas.last;
		ret = mas_store_prealloc(&mas, item);
	}
	mas_unlock(&mas);
	mas_destroy(&mas);	/* if nothing was stored */
	return ret;
}

/* In process context */
static int foo_arm(struct foo *foo)
{
	mas_init(&foo->mas, &foo->mt, 0);
	return mas_preallocate(&foo->mas, NULL, GFP_KERNEL);
}

/* In an interrupt, once */
static void foo_interrupt(struct foo *foo, struct item *item)
{
	mas_lock(&foo->mas);
	mas_set_range(&foo->mas, item->first, item->last);
	mas_store(&foo->mas, item);
	WARN_ON_ONCE(mas_is_err(&foo->mas));
	mas_unlock(&foo->mas);
}

/* In process context, when no interrupt can come any more */
static void foo_disarm(struct foo *foo)
{
	mas_destroy(&foo->mas);
}

struct doc_test {
	struct foo foo;
	bool external;
	int locks;
	unsigned long taints;
};

/* The tree has this item, and its range is that of the item. */
static void expect_item(struct kunit *test, struct item *item)
{
	struct doc_test *t = test->priv;

	MA_STATE(mas, &t->foo.mt, item->first, item->first);

	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, mas_walk(&mas), item);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, mas.index, item->first);
	KUNIT_EXPECT_EQ(test, mas.last, item->last);
}

static void expect_no_nodes(struct kunit *test, struct ma_state *mas)
{
	KUNIT_EXPECT_PTR_EQ(test, mas->sheaf, NULL);
	KUNIT_EXPECT_PTR_EQ(test, mas->alloc, NULL);
}

#define OTHERS	5000UL

/* Others make the tree grow, from 10000 on. */
static void others_store(struct kunit *test)
{
	struct doc_test *t = test->priv;

	for (unsigned long i = 0; i < OTHERS; i++)
		KUNIT_EXPECT_EQ(test, 0, mtree_store(&t->foo.mt, 10000 + i,
						     xa_mk_value(i), GFP_KERNEL));
}

static void may_sleep(struct kunit *test)
{
	static struct item items[] = { { 10, 19 }, { 30, 30 }, { 0, 99 } };
	struct doc_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, 0, foo_store(&t->foo, &items[i]));
		expect_item(test, &items[i]);
	}
}

static void external_lock(struct kunit *test)
{
	static struct item items[] = { { 0, 9 }, { 20, 29 }, { 10, 19 }, { 30, 39 } };
	struct doc_test *t = test->priv;
	struct foo *foo = &t->foo;

	foo_init_external(foo);
	t->external = true;
	for (int i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, 0, foo_store_external(foo, &items[i]));
		mutex_lock(&foo->lock);
		expect_item(test, &items[i]);
		mutex_unlock(&foo->lock);
	}
	KUNIT_EXPECT_EQ(test, -ENOSPC, foo_store_external(foo, &items[3]));
	KUNIT_EXPECT_PTR_EQ(test, mtree_load(&foo->mt, 30), NULL);
}

struct job_work {
	struct work_struct work;
	struct foo_job *job;
};

static void run_job(struct work_struct *work)
{
	foo_run(container_of(work, struct job_work, work)->job);
}

static void external_lock_later(struct kunit *test)
{
	static struct item items[] = { { 0, 9 }, { 5, 14 } };
	struct foo_job job = { .item = &items[1] };
	struct doc_test *t = test->priv;
	struct foo *foo = &t->foo;

	foo_init_external(foo);
	t->external = true;
	KUNIT_ASSERT_EQ(test, 0, foo_reserve(&job));
	KUNIT_EXPECT_EQ(test, 0, foo_store_external(foo, &items[0]));
	foo_run_external(foo, &job);
	mutex_lock(&foo->lock);
	expect_item(test, &items[1]);
	mutex_unlock(&foo->lock);
	expect_no_nodes(test, &job.mas);
}

static void store_later(struct kunit *test)
{
	static struct item items[] = { { 10, 19 }, { 5, 12000 }, { 20, 29 } };
	struct foo_job jobs[ARRAY_SIZE(items)];
	struct job_work other = { .job = &jobs[1] };
	struct doc_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i].item = &items[i];
	KUNIT_ASSERT_EQ(test, 0, foo_prepare_all(&t->foo, jobs, ARRAY_SIZE(jobs)));
	others_store(test);
	foo_run(&jobs[0]);
	expect_item(test, &items[0]);

	INIT_WORK_ONSTACK(&other.work, run_job);
	schedule_work(&other.work);
	flush_work(&other.work);
	destroy_work_on_stack(&other.work);
	expect_item(test, &items[1]);

	KUNIT_EXPECT_PTR_NE(test, jobs[2].mas.sheaf, NULL);
	foo_cancel(&jobs[2]);
	for (int i = 0; i < ARRAY_SIZE(jobs); i++)
		expect_no_nodes(test, &jobs[i].mas);
	expect_item(test, &items[1]);
}

static void split_in_three(struct kunit *test)
{
	static struct item old = { 0, 9999 }, middle = { 200, 299 };
	static struct item first = { 0, 49 }, whole = { 50, 199 }, gap = { 9990, 10005 };
	static struct item left, right, left2, right2;
	struct doc_test *t = test->priv;
	struct foo_job job = { .item = &middle, .left = &left, .right = &right };

	KUNIT_ASSERT_EQ(test, 0, foo_store(&t->foo, &old));
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(&t->foo, &job));
	others_store(test);
	KUNIT_EXPECT_PTR_EQ(test, foo_split(&job), &old);
	expect_no_nodes(test, &job.mas);
	KUNIT_EXPECT_PTR_EQ(test, job.left, NULL);
	KUNIT_EXPECT_PTR_EQ(test, job.right, NULL);
	KUNIT_EXPECT_EQ(test, left.first, 0);
	KUNIT_EXPECT_EQ(test, right.last, 9999);
	expect_item(test, &middle);
	expect_item(test, &left);
	expect_item(test, &right);

	/* With nothing left of the old one on one side, and on both */
	job = (struct foo_job){ .item = &first, .left = &left2, .right = &right2 };
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(&t->foo, &job));
	KUNIT_EXPECT_PTR_EQ(test, foo_split(&job), &left);
	KUNIT_EXPECT_PTR_EQ(test, job.left, &left2);
	KUNIT_EXPECT_PTR_EQ(test, job.right, NULL);
	expect_item(test, &first);
	expect_item(test, &right2);
	job.item = &whole;
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(&t->foo, &job));
	KUNIT_EXPECT_PTR_EQ(test, foo_split(&job), &right2);
	expect_item(test, &first);
	expect_item(test, &whole);
	expect_item(test, &middle);

	/* Where it does not fit */
	job.item = &gap;
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(&t->foo, &job));
	KUNIT_EXPECT_PTR_EQ(test, foo_split(&job), NULL);
	expect_no_nodes(test, &job.mas);
	expect_item(test, &right);
}

static void empty_range(struct kunit *test)
{
	static struct item used = { 200, 299 }, items[3], none;
	struct doc_test *t = test->priv;
	struct foo *foo = &t->foo;

	KUNIT_ASSERT_EQ(test, 0, foo_store(foo, &used));
	others_store(test);
	KUNIT_EXPECT_EQ(test, 0, foo_alloc(foo, &items[0], 60));
	KUNIT_EXPECT_EQ(test, items[0].first, FOO_MIN);
	KUNIT_EXPECT_EQ(test, 0, foo_alloc(foo, &items[1], 60));
	KUNIT_EXPECT_EQ(test, items[1].first, 300);
	KUNIT_EXPECT_EQ(test, 0, foo_alloc(foo, &items[2], 740));
	KUNIT_EXPECT_EQ(test, items[2].last, FOO_MAX);
	KUNIT_EXPECT_EQ(test, -EBUSY, foo_alloc(foo, &none, 41));
	for (int i = 0; i < ARRAY_SIZE(items); i++)
		expect_item(test, &items[i]);
	expect_item(test, &used);
}

struct interrupt {
	struct hrtimer timer;
	struct completion done;
	struct foo *foo;
	struct item item;
};

static enum hrtimer_restart interrupt_comes(struct hrtimer *timer)
{
	struct interrupt *i = container_of(timer, struct interrupt, timer);

	foo_interrupt(i->foo, &i->item);
	complete(&i->done);
	return HRTIMER_NORESTART;
}

static void store_in_interrupt(struct kunit *test)
{
	static struct interrupt i = { .item = { 5, 2000 } };
	static struct lock_class_key irq_lock;
	struct doc_test *t = test->priv;
	struct foo *foo = &t->foo;
	unsigned long flags;

	MA_STATE(mas, &foo->mt, 0, 0);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "the lock cannot be taken there with PREEMPT_RT");

	mt_init_flags(&foo->mt, MT_FLAGS_USE_RCU | MT_FLAGS_LOCK_IRQ);
	/* For lockdep, the trees of this file would all have the same lock. */
	lockdep_set_class(&foo->mt.ma_lock, &irq_lock);
	mas_lock_irqsave(&mas, flags);
	for (unsigned long n = 0; n < 100; n++) {
		mas_set(&mas, n * 10);
		KUNIT_EXPECT_EQ(test, 0, mas_store_gfp(&mas, xa_mk_value(n),
						       GFP_NOWAIT));
	}
	mas_unlock_irqrestore(&mas, flags);

	KUNIT_ASSERT_EQ(test, 0, foo_arm(foo));
	i.foo = foo;
	init_completion(&i.done);
	hrtimer_setup(&i.timer, interrupt_comes, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_start(&i.timer, us_to_ktime(100), HRTIMER_MODE_REL);
	wait_for_completion(&i.done);
	hrtimer_cancel(&i.timer);
	expect_item(test, &i.item);
	foo_disarm(foo);
	expect_no_nodes(test, &foo->mas);

	mas_lock_irqsave(&mas, flags);
	__mt_destroy(&foo->mt);
	mas_unlock_irqrestore(&mas, flags);
}

static int doc_test_init(struct kunit *test)
{
	struct doc_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	mt_init_flags(&t->foo.mt, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU);
	t->locks = debug_locks;
	t->taints = get_taint();
	test->priv = t;
	return 0;
}

static void doc_test_exit(struct kunit *test)
{
	struct doc_test *t = test->priv;

	if (!t)
		return;

	/* No WARN_ON_ONCE() of an example, and nothing from lockdep */
	KUNIT_EXPECT_EQ(test, debug_locks, t->locks);
	KUNIT_EXPECT_EQ(test, get_taint() & BIT(TAINT_WARN),
			t->taints & BIT(TAINT_WARN));
	if (t->external) {
		mutex_lock(&t->foo.lock);
		__mt_destroy(&t->foo.mt);
		mutex_unlock(&t->foo.lock);
	} else if (!mtree_empty(&t->foo.mt)) {
		mtree_destroy(&t->foo.mt);
	}
}

static struct kunit_case doc_cases[] = {
	KUNIT_CASE(may_sleep),
	KUNIT_CASE(external_lock),
	KUNIT_CASE(external_lock_later),
	KUNIT_CASE(store_later),
	KUNIT_CASE(split_in_three),
	KUNIT_CASE(empty_range),
	KUNIT_CASE(store_in_interrupt),
	{}
};

static struct kunit_suite doc_suite = {
	.name = "maple_doc",
	.init = doc_test_init,
	.exit = doc_test_exit,
	.test_cases = doc_cases,
};

kunit_test_suite(doc_suite);

MODULE_DESCRIPTION("Examples of the documentation of the maple tree");
MODULE_LICENSE("GPL");
