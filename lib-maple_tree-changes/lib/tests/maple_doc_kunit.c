// SPDX-License-Identifier: GPL-2.0
/*
 * The examples of Documentation/core-api/maple_tree.rst, word for word, and a
 * test of each.
 */
#include <kunit/test.h>

#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#define FOO_MIN		100
#define FOO_MAX		1099
#define FOO_MAX_ITEMS	3

struct item {
	unsigned long first, last;
};

struct foo {
	struct maple_tree mt;
	struct mutex lock;	/* if mt has an external lock */
	unsigned long items;
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

	if (foo->items == FOO_MAX_ITEMS) {
		mas_destroy(&mas);	/* give the nodes back */
		ret = -ENOSPC;
		goto unlock;
	}

	foo->items++;
	WARN_ON_ONCE(mas_store_prealloc(&mas, item));	/* cannot fail */
unlock:
	mutex_unlock(&foo->lock);
	return ret;
}

struct foo_job {
	struct ma_state mas;
	struct item *item;
};

/* May sleep, and fail. */
static int foo_prepare(struct foo *foo, struct foo_job *job)
{
	mas_init(&job->mas, &foo->mt, 0);
	return mas_preallocate(&job->mas, NULL, GFP_KERNEL);
}

/* Later, in any thread: does not allocate, does not fail. */
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

/* The item of the job lies within one that is in the tree. */
static void foo_split(struct foo_job *job, struct item *left, struct item *right)
{
	struct ma_state *mas = &job->mas;
	struct item *item = job->item;

	mas_lock(mas);
	mas_set(mas, item->first);
	mas_walk(mas);
	left->first = mas->index;
	left->last = item->first - 1;
	right->first = item->last + 1;
	right->last = mas->last;

	/* The middle first: it is this store that may need nodes. */
	mas_set_range(mas, item->first, item->last);
	WARN_ON_ONCE(mas_store_prealloc(mas, item));

	/* What is left of the old one on either side, if anything is. */
	if (left->first < item->first) {
		mas_set_range(mas, left->first, left->last);
		WARN_ON_ONCE(mas_store_prealloc(mas, left));
	}
	if (right->last > item->last) {
		mas_set_range(mas, right->first, right->last);
		WARN_ON_ONCE(mas_store_prealloc(mas, right));
	}
	mas_unlock(mas);
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
	mas_destroy(&mas);	/* if it is still there */
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

/* In process context, afterwards */
static void foo_disarm(struct foo *foo)
{
	mas_destroy(&foo->mas);
}

/* All that is in the tree between two indices is one item; NULL if it is not. */
static struct item *only(struct foo *foo, unsigned long first, unsigned long last)
{
	MA_STATE(mas, &foo->mt, first, first);
	struct item *item;

	rcu_read_lock();
	item = mas_walk(&mas);
	rcu_read_unlock();
	return mas.index <= first && mas.last >= last ? item : NULL;
}

static void expect_item(struct kunit *test, struct item *item)
{
	KUNIT_EXPECT_PTR_EQ(test, only(test->priv, item->first, item->last), item);
}

/* Many others, above the items of the tests */
static void expect_others_stored(struct kunit *test)
{
	struct foo *foo = test->priv;
	unsigned long i;

	for (i = 0; i < 5000; i++)
		KUNIT_EXPECT_EQ(test, 0, mtree_store(&foo->mt, 10000 + i,
						     xa_mk_value(i), GFP_KERNEL));
}

static void may_sleep(struct kunit *test)
{
	struct item items[] = { { 10, 19 }, { 30, 30 }, { 0, 99 } };
	struct foo *foo = test->priv;

	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		KUNIT_EXPECT_EQ(test, 0, foo_store(foo, &items[i]));
		expect_item(test, &items[i]);
	}
	mtree_destroy(&foo->mt);
}

static void external_lock(struct kunit *test)
{
	struct item items[FOO_MAX_ITEMS + 1];
	struct foo *foo = test->priv;

	foo_init_external(foo);
	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		bool full = i == FOO_MAX_ITEMS;

		items[i] = (struct item){ i * 10, i * 10 + 9 };
		KUNIT_EXPECT_EQ(test, full ? -ENOSPC : 0,
				foo_store_external(foo, &items[i]));
		KUNIT_EXPECT_PTR_EQ(test, full ? NULL : &items[i],
				    only(foo, items[i].first, items[i].last));
	}
	mutex_lock(&foo->lock);
	__mt_destroy(&foo->mt);
	mutex_unlock(&foo->lock);
}

struct job_work {
	struct work_struct work;
	struct foo_job *job;
};

static void run_job(struct work_struct *work)
{
	foo_run(container_of(work, struct job_work, work)->job);
}

static void store_later(struct kunit *test)
{
	struct item items[] = { { 10, 19 }, { 5, 12000 }, { 20, 29 } };
	struct foo_job jobs[ARRAY_SIZE(items)];
	struct foo *foo = test->priv;
	struct job_work other = { .job = &jobs[1] };

	for (int i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i].item = &items[i];
	KUNIT_ASSERT_EQ(test, 0, foo_prepare_all(foo, jobs, ARRAY_SIZE(jobs)));
	expect_others_stored(test);
	foo_run(&jobs[0]);
	expect_item(test, &items[0]);

	INIT_WORK_ONSTACK(&other.work, run_job);
	schedule_work(&other.work);
	flush_work(&other.work);
	destroy_work_on_stack(&other.work);
	expect_item(test, &items[1]);

	foo_cancel(&jobs[2]);
	expect_item(test, &items[1]);
	mtree_destroy(&foo->mt);
}

static void split(struct kunit *test)
{
	struct item old = { 1000, 1999 }, middle = { 1200, 1299 };
	struct item to_first = { 1000, 1049 }, whole = { 1050, 1199 };
	struct item left, right, none, rest;
	struct foo *foo = test->priv;
	struct foo_job job;

	KUNIT_ASSERT_EQ(test, 0, foo_store(foo, &old));
	expect_others_stored(test);

	job.item = &middle;
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(foo, &job));
	foo_split(&job, &left, &right);
	expect_item(test, &middle);
	expect_item(test, &left);
	expect_item(test, &right);
	KUNIT_EXPECT_EQ(test, left.first, 1000);
	KUNIT_EXPECT_EQ(test, right.last, 1999);

	/* With nothing left of the old one on one side, and on both */
	job.item = &to_first;
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(foo, &job));
	foo_split(&job, &none, &rest);
	expect_item(test, &to_first);
	expect_item(test, &rest);
	KUNIT_EXPECT_EQ(test, rest.last, 1199);

	job.item = &whole;
	KUNIT_ASSERT_EQ(test, 0, foo_prepare(foo, &job));
	foo_split(&job, &none, &none);
	expect_item(test, &to_first);
	expect_item(test, &whole);
	expect_item(test, &middle);
	mtree_destroy(&foo->mt);
}

static void empty_range(struct kunit *test)
{
	struct item used = { 200, 299 }, items[3], none;
	struct foo *foo = test->priv;

	KUNIT_ASSERT_EQ(test, 0, foo_store(foo, &used));
	expect_others_stored(test);
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
	mtree_destroy(&foo->mt);
}

static void interrupt(struct kunit *test)
{
	struct item item = { 5, 12000 };
	struct foo *foo = test->priv;
	unsigned long flags;

	expect_others_stored(test);
	KUNIT_ASSERT_EQ(test, 0, foo_arm(foo));
	local_irq_save(flags);
	foo_interrupt(foo, &item);
	local_irq_restore(flags);
	expect_item(test, &item);
	foo_disarm(foo);
	mtree_destroy(&foo->mt);
}

static int doc_test_init(struct kunit *test)
{
	struct foo *foo = kunit_kzalloc(test, sizeof(*foo), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, foo);
	mt_init_flags(&foo->mt, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU);
	test->priv = foo;
	return 0;
}

static struct kunit_case doc_cases[] = {
	KUNIT_CASE(may_sleep),
	KUNIT_CASE(external_lock),
	KUNIT_CASE(store_later),
	KUNIT_CASE(split),
	KUNIT_CASE(empty_range),
	KUNIT_CASE(interrupt),
	{}
};

static struct kunit_suite doc_suite = {
	.name = "maple_doc",
	.init = doc_test_init,
	.test_cases = doc_cases,
};

kunit_test_suite(doc_suite);

MODULE_DESCRIPTION("Examples of the documentation of the maple tree");
MODULE_LICENSE("GPL");
