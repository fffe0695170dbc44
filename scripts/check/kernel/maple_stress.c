// SPDX-License-Identifier: GPL-2.0
/*
 * Preallocated stores from several threads, and what must not be done with them.
 *
 * Copied to lib/ and built in by check.sh. init.c writes the name of a case, and
 * for `stress' and `iterate' a seed, to the parameter `run', after it has set up failslab
 * to fail all allocations of a task with make_it_fail. Each case ends with the line
 *
 *	maple_stress: NAME passed
 *
 * or `failed'. What lockdep and the like have to say about it is for the script to read.
 */
#include <linux/completion.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include "../mm/slab.h"

/* Returns int since the series, was void. */
#define PATCHED	__builtin_types_compatible_p(typeof(&mas_store_prealloc), \
					     int (*)(struct ma_state *, void *))
#define store_prealloc(mas, entry)					\
	__builtin_choose_expr(PATCHED, mas_store_prealloc(mas, entry),	\
			      (mas_store_prealloc(mas, entry), 0))

static unsigned int rounds = 3000;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "of each thread on each kind of tree");

static atomic_t failures;

#define fail(fmt, ...) do {						\
	if (atomic_inc_return(&failures) <= 10)				\
		pr_err("maple_stress: " fmt "\n", ##__VA_ARGS__);	\
} while (0)

#define expect(cond) do {						\
	if (!(cond))							\
		fail("line %d: not so: %s", __LINE__, #cond);		\
} while (0)

/*
 * Stress: storers reserve outside of the lock and store under it, or leave their
 * reservation to another one and take up his; changers allocate as usual, erase,
 * and empty the tree; readers have no lock. A model knows what is in the tree: it
 * changes under the same lock.
 */

#define SLOTS		4096		/* of the model */
#define SLOT_SIZE	64UL		/* indices in one of them */
#define BOXES		8		/* reservations that wait for somebody */

enum role { STORER, CHANGER, READER };

static const enum role roles[] = { STORER, STORER, STORER, CHANGER, CHANGER, READER, READER };

struct request {
	struct ma_state mas;
	unsigned int rounds;	/* that it has been pending */
};

struct stress {
	struct maple_tree mt;
	unsigned long model[SLOTS];	/* value + 1, or 0 for NULL */
	unsigned long entries;
	struct request *boxes[BOXES];
	unsigned long seed;
	bool iterate;
	atomic_long_t stored, erased, emptied, read, handed_over;
	unsigned int height;
};

struct worker {
	struct stress *s;
	unsigned int nr;
	enum role role;
	struct rnd_state rnd;
	struct completion done;
};

static unsigned int below(struct worker *w, unsigned int n)
{
	return prandom_u32_state(&w->rnd) % n;
}

/* choose - what to store where: mostly little, now and then much, once in a while all */
static void choose(struct worker *w, unsigned int *first, unsigned int *nr)
{
	unsigned int most = below(w, 50) ? 6 : SLOTS / 8;

	*first = below(w, SLOTS);
	*nr = min(1 + below(w, most), SLOTS - *first);
	if (!below(w, 2000)) {
		*first = 0;
		*nr = SLOTS;
	}
}

/* range - the last slot goes up to ULONG_MAX, so that there are stores over everything */
static void range(struct ma_state *mas, unsigned int first, unsigned int nr)
{
	unsigned int end = first + nr;

	mas_set_range(mas, first * SLOT_SIZE, end == SLOTS ? ULONG_MAX : end * SLOT_SIZE - 1);
}

/* slots_of - the other way round; false if the range is not one of slots */
static bool slots_of(struct ma_state *mas, unsigned int *first, unsigned int *nr)
{
	unsigned long end = mas->last == ULONG_MAX ? SLOTS : (mas->last + 1) / SLOT_SIZE;

	if (mas->index > mas->last || mas->index % SLOT_SIZE || end > SLOTS ||
	    (mas->last != ULONG_MAX && (mas->last + 1) % SLOT_SIZE))
		return false;
	*first = mas->index / SLOT_SIZE;
	*nr = end - *first;
	return *nr > 0;
}

/* new_entry - no two are the same: the tree could have lost the border between them */
static void *new_entry(struct worker *w)
{
	return below(w, 6) ? xa_mk_value(++w->s->entries) : NULL;
}

static void model_store(struct stress *s, unsigned int first, unsigned int nr, void *entry)
{
	for (unsigned int i = first; i < first + nr; i++)
		s->model[i] = entry ? xa_to_value(entry) + 1 : 0;
}

static void model_erase(struct stress *s, unsigned int first, void *entry)
{
	unsigned int end = first;

	while (first && s->model[first - 1] == xa_to_value(entry) + 1)
		first--;
	while (end < SLOTS && s->model[end] == xa_to_value(entry) + 1)
		end++;
	model_store(s, first, end - first, NULL);
}

/* check - the tree is what the model says; with the lock held */
static void check(struct stress *s)
{
	MA_STATE(mas, &s->mt, 0, 0);
	unsigned int slot = 0;
	void *entry;

	mas_for_each(&mas, entry, ULONG_MAX) {
		unsigned int first = mas.index / SLOT_SIZE;
		unsigned int end = mas.last == ULONG_MAX ? SLOTS : (mas.last + 1) / SLOT_SIZE;

		if (first < slot || end > SLOTS || !xa_is_value(entry)) {
			fail("a wrong entry %p at %lx-%lx", entry, mas.index, mas.last);
			return;
		}
		while (slot < first && !s->model[slot])
			slot++;
		while (slot >= first && slot < end && s->model[slot] == xa_to_value(entry) + 1)
			slot++;
		if (slot != end) {
			fail("not as in the model: slot %u, entry at %lx-%lx",
			     slot, mas.index, mas.last);
			return;
		}
	}
	while (slot < SLOTS && !s->model[slot])
		slot++;
	if (slot != SLOTS)
		fail("not as in the model: nothing from slot %u on", slot);
	mt_validate(&s->mt);
}

static struct request *reserve(struct stress *s, gfp_t gfp)
{
	struct request *req = kzalloc_obj(*req);

	if (!req)
		return NULL;
	mas_init(&req->mas, &s->mt, 0);
	if (mas_preallocate(&req->mas, xa_mk_value(0), gfp)) {
		kfree(req);
		return NULL;
	}
	return req;
}

/* disturb - leave the state anywhere */
static void disturb(struct worker *w, struct ma_state *mas)
{
	unsigned int first, nr;

	choose(w, &first, &nr);
	range(mas, first, nr);
	mas_lock(mas);
	switch (below(w, 6)) {
	case 0:
		mas_walk(mas);
		break;
	case 1:
		mas_find(mas, ULONG_MAX);
		mas_pause(mas);
		break;
	case 2:
		mas_prev(mas, 0);
		break;
	case 3:
		if (mas->tree->ma_flags & MT_FLAGS_ALLOC_RANGE)
			mas_empty_area(mas, 0, ULONG_MAX, SLOT_SIZE);
		break;
	case 4:
		while (mas_next(mas, ULONG_MAX))
			;
		break;
	}
	mas_unlock(mas);
}

static void store_reserved(struct worker *w)
{
	struct stress *s = w->s;
	struct request *req = reserve(s, GFP_KERNEL), *old;
	unsigned int first, nr;
	bool fence, moved;
	void *entry;
	int ret;

	if (!req) {
		fail("no memory to reserve");
		return;
	}

	if (!below(w, 4)) {
		old = req;
		req = xchg(&s->boxes[below(w, BOXES)], old);
		if (!req)
			return;
		atomic_long_inc(&s->handed_over);
	}
	moved = !below(w, 4);
	if (moved)
		disturb(w, &req->mas);
	if (!below(w, 32)) {
		mas_destroy(&req->mas);
		kfree(req);
		return;
	}

	choose(w, &first, &nr);
	fence = dma_fence_begin_signalling();
	mas_lock(&req->mas);
	/* As it is, the state is at a node of what the tree was. */
	if (!moved || below(w, 2) || !slots_of(&req->mas, &first, &nr))
		range(&req->mas, first, nr);
	entry = new_entry(w);
	current->make_it_fail = 1;
	ret = store_prealloc(&req->mas, entry);
	current->make_it_fail = 0;
	if (ret)
		fail("mas_store_prealloc(): %d", ret);
	else
		model_store(s, first, nr, entry);
	s->height = max(s->height, mt_height(&s->mt));
	mas_unlock(&req->mas);
	dma_fence_end_signalling(fence);
	atomic_long_inc(&s->stored);
	if (ret)
		mas_destroy(&req->mas);
	kfree(req);
}

static void change(struct worker *w)
{
	MA_STATE(mas, &w->s->mt, 0, 0);
	struct stress *s = w->s;
	unsigned int first, nr;
	void *entry;
	int ret;

	choose(w, &first, &nr);
	range(&mas, first, nr);
	mas_lock(&mas);
	if (!below(w, 1000)) {
		__mt_destroy(&s->mt);
		model_store(s, 0, SLOTS, NULL);
		atomic_long_inc(&s->emptied);
	} else if (below(w, 2)) {
		entry = mas_erase(&mas);
		if (entry)
			model_erase(s, first, entry);
		atomic_long_inc(&s->erased);
	} else {
		entry = new_entry(w);
		ret = mas_store_gfp(&mas, entry, GFP_KERNEL);
		if (ret)
			fail("mas_store_gfp(): %d", ret);
		else
			model_store(s, first, nr, entry);
	}
	if (!below(w, 64))
		check(s);
	mas_unlock(&mas);
}

static void read(struct worker *w)
{
	MA_STATE(mas, &w->s->mt, 0, 0);
	struct stress *s = w->s;
	unsigned long last = 0;
	unsigned int n = 0;
	void *entry;

	mas_set(&mas, below(w, SLOTS) * SLOT_SIZE);
	rcu_read_lock();
	if (s->iterate && below(w, 2)) {
		mas_for_each(&mas, entry, ULONG_MAX) {
			if (!xa_is_value(entry))
				fail("no entry of ours: %p", entry);
			n++;
		}
	} else if (s->iterate) {
		while ((entry = mas_prev(&mas, 0))) {
			if (!xa_is_value(entry))
				fail("no entry of ours: %p", entry);
			n++;
		}
	} else {
		do {
			entry = mas_walk(&mas);
			if (entry && !xa_is_value(entry))
				fail("no entry of ours: %p", entry);
			last = mas.last;
			mas_set(&mas, last + 1);
		} while (last != ULONG_MAX && n++ < SLOTS);
	}
	rcu_read_unlock();
	atomic_long_add(n, &s->read);
}

static int work(void *data)
{
	struct worker *w = data;

	prandom_seed_state(&w->rnd, w->s->seed + w->nr);
	for (unsigned int i = 0; i < rounds && !atomic_read(&failures); i++) {
		switch (w->role) {
		case STORER:
			store_reserved(w);
			break;
		case CHANGER:
			change(w);
			break;
		case READER:
			if (data_race(mt_in_rcu(&w->s->mt)) && !(i % 8))
				read(w);
			break;
		}
		cond_resched();
	}
	complete(&w->done);
	return 0;
}

static void stress_tree(struct stress *s, const char *kind, unsigned int flags)
{
	static struct worker workers[ARRAY_SIZE(roles)];

	mt_init_flags(&s->mt, flags);
	for (unsigned int i = 0; i < ARRAY_SIZE(roles); i++) {
		workers[i].s = s;
		workers[i].nr = i;
		workers[i].role = roles[i];
		init_completion(&workers[i].done);
		if (IS_ERR(kthread_run(work, &workers[i], "stress/%u", i))) {
			fail("no thread");
			complete(&workers[i].done);
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(roles); i++)
		wait_for_completion(&workers[i].done);

	for (unsigned int i = 0; i < BOXES; i++) {
		if (s->boxes[i]) {
			mas_destroy(&s->boxes[i]->mas);
			kfree(s->boxes[i]);
		}
	}
	mtree_lock(&s->mt);
	check(s);
	mtree_unlock(&s->mt);
	mtree_destroy(&s->mt);
	pr_info("maple_stress: %s: %lu stored, %lu of them handed over, %lu erased, %lu times emptied, %lu read, height %u\n",
		kind, atomic_long_read(&s->stored), atomic_long_read(&s->handed_over),
		atomic_long_read(&s->erased), atomic_long_read(&s->emptied),
		atomic_long_read(&s->read), s->height);
	expect(atomic_long_read(&s->stored) > 0);
	expect(s->height > 2);
}

static void stress(unsigned long seed, bool iterate)
{
	static const struct {
		const char *name;
		unsigned int flags;
	} kinds[] = {
		{ "regular", 0 },
		{ "allocation", MT_FLAGS_ALLOC_RANGE },
		{ "regular, RCU", MT_FLAGS_USE_RCU },
		{ "allocation, RCU", MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds) && !atomic_read(&failures); i++) {
		struct stress *s = kvzalloc_obj(*s);

		if (!s) {
			fail("no memory");
			return;
		}
		s->seed = seed + i * ARRAY_SIZE(roles);
		s->iterate = iterate;
		stress_tree(s, kinds[i].name, kinds[i].flags);
		kvfree(s);
	}
	rcu_barrier();
}

static void run_stress(unsigned long seed)
{
	stress(seed, false);
}

static void run_iterate(unsigned long seed)
{
	stress(seed, true);
}

/*
 * One thing that must work, or must be reported, per case. A tree that nobody else knows
 * makes them short: store() of 100 entries, then the case itself at an index where
 * there is nothing yet, and that takes nodes.
 */

static DEFINE_MTREE(mt);
static DEFINE_MUTEX(mutex);
#define SOMEWHERE	505UL	/* between two entries */

static void fill(unsigned int flags)
{
	mt_init_flags(&mt, flags);
	for (unsigned long i = 0; i < 100; i++)
		expect(!mtree_store(&mt, i * 10, xa_mk_value(i), GFP_KERNEL));
}

static void expect_stored(unsigned long index, unsigned long value)
{
	expect(mtree_load(&mt, index) == xa_mk_value(value));
}

static int store_locked(struct ma_state *mas, unsigned long value)
{
	int ret;

	mas_lock(mas);
	current->make_it_fail = 1;
	ret = store_prealloc(mas, xa_mk_value(value));
	current->make_it_fail = 0;
	mas_unlock(mas);
	return ret;
}

/* Whether the allocations come from sheaves at all in this kernel. */
static void case_sheaves(unsigned long unused)
{
	struct kmem_cache *cache;

	fill(0);
	cache = virt_to_slab((void *)((unsigned long)mt.ma_root & ~255UL))->slab_cache;
	pr_info("maple_stress: %s has sheaves of %u\n", cache->name, cache->sheaf_capacity);
}

static int reserve_and_drop(void *unused)
{
	while (!kthread_should_stop()) {
		MA_STATE(mas, &mt, 0, 0);

		expect(!mas_preallocate(&mas, NULL, GFP_KERNEL));
		mas_destroy(&mas);
		cond_resched();
	}
	return 0;
}

/*
 * mas_preallocate() looks without the lock at the flags, in which the height changes: for
 * KCSAN, which says so if that is not marked.
 */
static void case_height(unsigned long unused)
{
	struct task_struct *task;

	mt_init_flags(&mt, MT_FLAGS_USE_RCU);
	task = kthread_run(reserve_and_drop, NULL, "reserve");
	if (IS_ERR(task)) {
		fail("no thread");
		return;
	}
	for (int i = 0; i < 20000; i++) {
		expect(!mtree_store(&mt, 5, xa_mk_value(5), GFP_KERNEL));
		expect(mt_height(&mt) == 1);
		expect(!mtree_store_range(&mt, 0, ULONG_MAX, NULL, GFP_KERNEL));
		expect(mt_height(&mt) == 0);
		cond_resched();
	}
	kthread_stop(task);
}

static void case_fence(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);
	bool fence;

	fill(MT_FLAGS_USE_RCU);
	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	fence = dma_fence_begin_signalling();
	expect(!store_locked(&mas, 1));
	dma_fence_end_signalling(fence);
	expect_stored(SOMEWHERE, 1);
}

static void case_fence_gfp(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);
	bool fence;

	/* The attempt without the lock dropped has to fail, or it would do. */
	fill(MT_FLAGS_USE_RCU);
	fence = dma_fence_begin_signalling();
	mas_lock(&mas);
	current->make_it_fail = 1;
	mas_store_gfp(&mas, xa_mk_value(1), GFP_KERNEL);
	current->make_it_fail = 0;
	mas_unlock(&mas);
	dma_fence_end_signalling(fence);
}

static void case_fence_reserve(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);
	bool fence = dma_fence_begin_signalling();

	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	dma_fence_end_signalling(fence);
	mas_destroy(&mas);
}

/* Without a reservation, the same store fails: failslab does what it is there for. */
static void case_nowait(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);
	int ret;

	fill(MT_FLAGS_USE_RCU);
	mas_lock(&mas);
	current->make_it_fail = 1;
	ret = mas_store_gfp(&mas, xa_mk_value(1), GFP_NOWAIT);
	current->make_it_fail = 0;
	mas_unlock(&mas);
	expect(ret == -ENOMEM);
	expect(!mtree_load(&mt, SOMEWHERE));
}

static void case_unlocked(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);

	fill(0);
	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	expect(!store_prealloc(&mas, xa_mk_value(1)));
}

static void case_reserve_locked(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);

	mas_lock(&mas);
	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	mas_unlock(&mas);
	mas_destroy(&mas);
}

static void case_extern_unlocked(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);

	mt_init_flags(&mt, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&mt, &mutex);
	mutex_lock(&mutex);
	for (unsigned long i = 0; i < 100; i++) {
		mas_set(&mas, i * 10);
		expect(!mas_store_gfp(&mas, xa_mk_value(i), GFP_KERNEL));
	}
	mas_set_range(&mas, SOMEWHERE, SOMEWHERE + 1);
	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	mutex_unlock(&mutex);
	expect(!store_prealloc(&mas, xa_mk_value(1)));
}

static void case_extern_changed(unsigned long unused)
{
	MA_STATE(mas, &mt, SOMEWHERE, SOMEWHERE + 1);
	MA_STATE(other, &mt, 0, 0);

	mt_init_flags(&mt, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&mt, &mutex);
	mutex_lock(&mutex);
	for (unsigned long i = 0; i < 100; i++) {
		mas_set(&other, i * 10);
		expect(!mas_store_gfp(&other, xa_mk_value(i), GFP_KERNEL));
	}
	expect(!mas_preallocate(&mas, xa_mk_value(1), GFP_KERNEL));
	mutex_unlock(&mutex);
	mutex_lock(&mutex);
	/* Not where the other one is going to store, so that this does no harm. */
	mas_set(&other, 5);
	expect(!mas_store_gfp(&other, xa_mk_value(5), GFP_KERNEL));
	expect(!store_prealloc(&mas, xa_mk_value(1)));
	mutex_unlock(&mutex);
}

/*
 * A tree the lock of which is taken in interrupts, too. There, mas_store() can use a
 * reservation; mas_store_prealloc() must not give back what is left of it.
 */
static struct ma_state irq_mas;
static int (*irq_store)(struct ma_state *mas, unsigned long value);
static int irq_ret;
static DECLARE_COMPLETION(irq_done);

static int irq_store_prealloc(struct ma_state *mas, unsigned long value)
{
	return store_prealloc(mas, xa_mk_value(value));
}

static int irq_mas_store(struct ma_state *mas, unsigned long value)
{
	MA_STATE(mark, mas->tree, 50, 50);

	mas_store(mas, xa_mk_value(value));
	if (mas_is_err(mas))
		return xa_err(mas->node);
	/* In place of an entry, in exactly its range: needs no nodes, and gives none back. */
	return store_prealloc(&mark, XA_ZERO_ENTRY);
}

static int irq_reserve(struct ma_state *mas, unsigned long value)
{
	return mas_preallocate(mas, xa_mk_value(value), GFP_ATOMIC);
}

static int irq_destroy(struct ma_state *mas, unsigned long value)
{
	mas_destroy(mas);
	return 0;
}

static void irq_do(void)
{
	unsigned long flags;

	mas_lock_irqsave(&irq_mas, flags);
	irq_ret = irq_store(&irq_mas, 1);
	mas_unlock_irqrestore(&irq_mas, flags);
	complete(&irq_done);
}

static enum hrtimer_restart irq_timer(struct hrtimer *timer)
{
	irq_do();
	return HRTIMER_NORESTART;
}

static void irq_worker(struct irq_work *work)
{
	irq_do();
}

/* in_interrupt_do - by irq_work, which is no different from the interrupt of a device */
static int in_interrupt_do(int (*store)(struct ma_state *, unsigned long), bool hard)
{
	struct irq_work work = IRQ_WORK_INIT(irq_worker);
	struct hrtimer timer;

	irq_store = store;
	if (hard) {
		irq_work_queue(&work);
		wait_for_completion(&irq_done);
		irq_work_sync(&work);
		return irq_ret;
	}

	hrtimer_setup_on_stack(&timer, irq_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	hrtimer_start(&timer, ms_to_ktime(1), HRTIMER_MODE_REL_SOFT);
	wait_for_completion(&irq_done);
	hrtimer_cancel(&timer);
	destroy_hrtimer_on_stack(&timer);
	return irq_ret;
}

static void irq_case(int (*store)(struct ma_state *, unsigned long), bool hard)
{
	unsigned long flags;

	mt_init_flags(&mt, MT_FLAGS_LOCK_IRQ | MT_FLAGS_USE_RCU);
	for (unsigned long i = 0; i < 100; i++) {
		MA_STATE(mas, &mt, i * 10, i * 10);

		/* And in process context, with interrupts off. */
		expect(!mas_preallocate(&mas, xa_mk_value(i), GFP_KERNEL));
		mas_lock_irqsave(&mas, flags);
		current->make_it_fail = 1;
		expect(!store_prealloc(&mas, xa_mk_value(i)));
		current->make_it_fail = 0;
		mas_unlock_irqrestore(&mas, flags);
	}
	if (!store)
		return;
	mas_init(&irq_mas, &mt, SOMEWHERE);
	if (store != irq_reserve)
		expect(!mas_preallocate(&irq_mas, xa_mk_value(1), GFP_KERNEL));
	expect(!in_interrupt_do(store, hard));
	if (store == irq_mas_store || store == irq_store_prealloc) {
		mas_lock_irqsave(&irq_mas, flags);
		mas_set(&irq_mas, SOMEWHERE);
		expect(mas_walk(&irq_mas) == xa_mk_value(1));
		mas_unlock_irqrestore(&irq_mas, flags);
	}
	mas_destroy(&irq_mas);
}

static void case_irqsave(unsigned long unused)
{
	irq_case(NULL, false);
}

static void case_softirq_mas_store(unsigned long unused)
{
	irq_case(irq_mas_store, false);
}

static void case_hardirq_mas_store(unsigned long unused)
{
	irq_case(irq_mas_store, true);
}

static void case_softirq(unsigned long unused)
{
	irq_case(irq_store_prealloc, false);
}

static void case_hardirq(unsigned long unused)
{
	irq_case(irq_store_prealloc, true);
}

static void case_softirq_reserve(unsigned long unused)
{
	irq_case(irq_reserve, false);
}

static void case_softirq_destroy(unsigned long unused)
{
	irq_case(irq_destroy, false);
}

/* As a boot parameter. */
static void case_no_lockdep(unsigned long unused)
{
	debug_locks_off();
}

static const struct {
	const char *name;
	void (*run)(unsigned long seed);
} cases[] = {
	{ "no-lockdep", case_no_lockdep },
	{ "stress", run_stress },
	{ "iterate", run_iterate },
	{ "sheaves", case_sheaves },
	{ "height", case_height },
	{ "fence", case_fence },
	{ "fence-gfp", case_fence_gfp },
	{ "fence-reserve", case_fence_reserve },
	{ "nowait", case_nowait },
	{ "unlocked", case_unlocked },
	{ "reserve-locked", case_reserve_locked },
	{ "extern-unlocked", case_extern_unlocked },
	{ "extern-changed", case_extern_changed },
	{ "irqsave", case_irqsave },
	{ "softirq", case_softirq },
	{ "hardirq", case_hardirq },
	{ "softirq-reserve", case_softirq_reserve },
	{ "softirq-destroy", case_softirq_destroy },
	{ "softirq-mas-store", case_softirq_mas_store },
	{ "hardirq-mas-store", case_hardirq_mas_store },
};

static int run_set(const char *val, const struct kernel_param *kp)
{
	unsigned long seed = 0;
	char name[32];

	if (sscanf(val, "%31s %lu", name, &seed) < 1)
		return -EINVAL;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(name, cases[i].name))
			continue;
		pr_info("maple_stress: %s begins\n", name);
		cases[i].run(seed);
		pr_info("maple_stress: %s %s\n", name,
			atomic_read(&failures) ? "failed" : "passed");
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops run_ops = { .set = run_set };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "the name of a case, and a seed");
