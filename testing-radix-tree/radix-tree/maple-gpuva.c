// SPDX-License-Identifier: GPL-2.0+
/*
 * A GPU VA manager, as VM_BIND wants it.
 *
 * The ioctl that submits a job may allocate, but does not know what the job will
 * find in the VM, as other jobs are still queued.  When the job runs, a dma-fence
 * depends on it, and it must not allocate.  One reservation is enough for each
 * operation, whatever it finds:
 *
 *	mapped		|     A     |  B  |    C    |     D     |
 *
 *	1. store new	|  A  |            new            |  D  |
 *	2. store prev	|prev |            new            |  D  |
 *	3. store next	|prev |            new            |next |
 *
 * Only the first store may need nodes.  After it, what is left over of A and D has
 * slots of its own, but still the old entries.  The other two replace these in
 * exactly their ranges.  That takes no nodes, as long as the lock is held.
 *
 * An unmap stores NULL instead of new.  A map that continues its neighbours takes
 * in their ranges, and is still one store.  Readers under RCU are not part of this.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "maple-harness.h"

#define SMALL_PAGES	1024UL
#define LARGE_PAGES	131072UL
#define SUBMITTERS	3
#define MAX_OPS		8	/* of a job */

/* The entries of the tree */
struct gpuva {
	unsigned long start, last;
	unsigned long offset;	/* in the object */
	unsigned int obj;	/* 0 in a request to unmap */
};

/* All that an operation may need is allocated when it is submitted. */
struct bind_op {
	struct ma_state mas;
	struct gpuva *new, *prev, *next;
};

struct bind_job {
	unsigned int submitted;	/* after this many jobs had run */
	int nr;
	struct bind_op ops[MAX_OPS];
};

static struct vm {
	struct maple_tree mt;
	unsigned long base, nr_pages;	/* addresses are in pages */
	u64 *pages;		/* the model: page_at() each address */
	pthread_t executor;
	int queue[2];		/* a pipe, which limits how many jobs are pending */
	unsigned int run;	/* jobs */
	unsigned int late, cancelled, unmap, split, merge;	/* none may stay 0 */
} vms[2];
static int nr_vms;

static void free_job(struct bind_job *job)
{
	for (int i = 0; i < job->nr; i++) {
		free(job->ops[i].new);
		free(job->ops[i].prev);
		free(job->ops[i].next);
	}
	free(job);
}

/* The stores of a job that has run have given all nodes back. */
static void cancel_job(struct bind_job *job)
{
	for (int i = 0; i < job->nr; i++)
		mas_destroy(&job->ops[i].mas);
	free_job(job);
}

/*
 * Submission: in any thread, may sleep and fail
 */
static void random_request(struct gpuva *new, struct vm *vm, struct rnd *r)
{
	unsigned long nr = 1 + rnd_below(r, rnd_below(r, 50) ? 16 : 512);
	unsigned long first = rnd_below(r, vm->nr_pages);

	new->start = vm->base + first;
	new->last = new->start + min(nr, vm->nr_pages - first) - 1;
	/* Let many continue each other. */
	new->obj = rnd_below(r, 4);
	new->offset = first + rnd_below(r, 2);
}

static int prepare_op(struct bind_op *op, struct vm *vm, struct rnd *r)
{
	bool oom = !rnd_below(r, 200);
	int ret;

	mas_init(&op->mas, &vm->mt, 0);
	/* In user space, GFP_NOWAIT always fails. */
	ret = mas_preallocate(&op->mas, NULL, oom ? GFP_NOWAIT : GFP_KERNEL);
	CHECK(ret == (oom ? -ENOMEM : 0));
	if (ret)
		return ret;

	op->new = malloc(sizeof(*op->new));
	op->prev = malloc(sizeof(*op->prev));
	op->next = malloc(sizeof(*op->next));
	random_request(op->new, vm, r);
	return 0;
}

static struct bind_job *prepare_job(struct vm *vm, struct rnd *r)
{
	struct bind_job *job = calloc(1, sizeof(*job));
	int nr = 1 + rnd_below(r, MAX_OPS);

	job->submitted = uatomic_read(&vm->run);
	for (; job->nr < nr; job->nr++) {
		if (prepare_op(&job->ops[job->nr], vm, r)) {
			cancel_job(job);
			return NULL;
		}
	}
	return job;
}

static void *submit(void *nr)
{
	struct rnd r = rnd_seed(seed * SUBMITTERS + (unsigned long)nr);

	rcu_register_thread();
	for (unsigned long i = 0; i < rounds / SUBMITTERS; i++) {
		struct vm *vm = &vms[rnd_below(&r, nr_vms)];
		struct bind_job *job = prepare_job(vm, &r);

		if (job)
			CHECK(write(vm->queue[1], &job, sizeof(job)) > 0);
	}
	CHECK(!lockdep_splats);
	rcu_unregister_thread();
	return NULL;
}

/*
 * Execution: by one thread for each VM, must not allocate, and cannot fail
 */
static struct gpuva *va_at(struct ma_state *mas, unsigned long addr)
{
	mas_set(mas, addr);
	return mas_walk(mas);
}

static bool contiguous(const struct gpuva *a, const struct gpuva *b)
{
	return a->obj == b->obj && b->offset - a->offset == b->start - a->start;
}

/* What continues @new may also overlap it, and be on both sides. */
static void merge(struct vm *vm, struct ma_state *mas, struct gpuva *new)
{
	struct gpuva *va;

	va = new->start ? va_at(mas, new->start - 1) : NULL;
	if (va && contiguous(va, new)) {
		new->start = va->start;
		new->offset = va->offset;
		vm->merge++;
	}
	va = new->last < ULONG_MAX ? va_at(mas, new->last + 1) : NULL;
	if (va && contiguous(new, va)) {
		new->last = va->last;
		vm->merge++;
	}
}

/* What is left over of @va needs an entry of its own. */
static struct gpuva *remap(struct gpuva **spare, const struct gpuva *va,
			   unsigned long start, unsigned long last)
{
	struct gpuva *new = *spare;

	*spare = NULL;
	*new = *va;
	new->start = start;
	new->last = last;
	new->offset += start - va->start;
	return new;
}

/* No one can find these: the lock is held until the next store has replaced them. */
static void unmap(struct ma_state *mas, unsigned long start, unsigned long last)
{
	struct gpuva *va;

	mas_set(mas, start);
	mas_for_each(mas, va, last)
		free(va);
}

static void store(struct ma_state *mas, unsigned long start, unsigned long last, void *va)
{
	mas_set_range(mas, start, last);
	CHECK(!mas_store_prealloc(mas, va));
}

static void run_op(struct vm *vm, struct bind_op *op)
{
	struct gpuva *new = op->new, *prev = NULL, *next = NULL, *first, *last;
	struct ma_state *mas = &op->mas;

	mas_lock(mas);
	merge(vm, mas, new);
	first = va_at(mas, new->start);
	last = va_at(mas, new->last);
	if (first && first->start < new->start)
		prev = remap(&op->prev, first, first->start, new->start - 1);
	if (last && last->last > new->last)
		next = remap(&op->next, last, new->last + 1, last->last);
	vm->split += prev && next && first == last;
	vm->unmap += first && !new->obj;

	unmap(mas, new->start, new->last);
	store(mas, new->start, new->last, new->obj ? new : NULL);
	if (prev)
		store(mas, prev->start, prev->last, prev);
	if (next)
		store(mas, next->start, next->last, next);
	mas_unlock(mas);

	if (new->obj)
		op->new = NULL;
}

/* What is mapped at @addr */
static u64 page_at(const struct gpuva *va, unsigned long addr)
{
	return va && va->obj ? (u64)va->obj << 32 | (va->offset + (addr - va->start)) : 0;
}

/* All pages are as in the model, in as few mappings as possible. */
static void check_pages(struct vm *vm, unsigned long first, unsigned long last)
{
	struct gpuva *va, *prev = NULL;

	MA_STATE(mas, &vm->mt, 0, 0);

	mas_lock(&mas);
	for (unsigned long i = first; i <= last; prev = va) {
		va = va_at(&mas, vm->base + i);
		CHECK(!va || (va->start == mas.index && va->last == mas.last));
		CHECK(!va || !prev || !contiguous(prev, va));
		for (; i <= min(mas.last - vm->base, last); i++)
			CHECK(vm->pages[i] == page_at(va, vm->base + i));
	}
	mas_unlock(&mas);
}

/* Of a small VM, everything is checked each time. */
static void run_and_check_op(struct vm *vm, struct bind_op *op)
{
	unsigned long first = op->new->start - vm->base;
	unsigned long last = op->new->last - vm->base;

	for (unsigned long i = first; i <= last; i++)
		vm->pages[i] = page_at(op->new, vm->base + i);
	run_op(vm, op);
	check_pages(vm, first - min(first, SMALL_PAGES), min(last + SMALL_PAGES, vm->nr_pages - 1));
}

static void run_job(struct vm *vm, struct bind_job *job)
{
	snprintf(context, sizeof(context), "VM at %lx, job %u", vm->base, vm->run);
	vm->late += job->submitted < vm->run;
	for (int i = 0; i < job->nr; i++)
		run_and_check_op(vm, &job->ops[i]);
	uatomic_inc(&vm->run);
	free_job(job);
}

static void *execute(void *data)
{
	struct rnd r = rnd_seed(seed);
	struct vm *vm = data;
	struct bind_job *job;

	rcu_register_thread();
	while (read(vm->queue[0], &job, sizeof(job)) > 0) {
		if (rnd_below(&r, 10)) {
			run_job(vm, job);
		} else {
			/* Cancelled while it was queued */
			cancel_job(job);
			vm->cancelled++;
		}
	}
	CHECK(!kmem_cache_refused && !lockdep_splats);
	rcu_unregister_thread();
	return NULL;
}

static void open_vm(struct kunit *test, unsigned long base, unsigned long nr_pages)
{
	const struct tree_kind *kind = test->param_value;
	struct vm *vm = &vms[nr_vms++];

	*vm = (struct vm){ .base = base, .nr_pages = nr_pages };
	mt_init_flags(&vm->mt, kind->flags);
	vm->pages = calloc(nr_pages, sizeof(*vm->pages));
	CHECK(!pipe(vm->queue) && fcntl(vm->queue[1], F_SETPIPE_SZ, 4096) > 0);
	CHECK(!pthread_create(&vm->executor, NULL, execute, vm));
}

static void close_vm(struct kunit *test, struct vm *vm)
{
	MA_STATE(mas, &vm->mt, 0, 0);

	close(vm->queue[1]);
	pthread_join(vm->executor, NULL);
	close(vm->queue[0]);
	check_pages(vm, 0, vm->nr_pages - 1);
	mas_lock(&mas);
	mt_validate(&vm->mt);
	unmap(&mas, 0, ULONG_MAX);
	__mt_destroy(&vm->mt);
	mas_unlock(&mas);
	free(vm->pages);
	KUNIT_EXPECT_TRUE(test, vm->late && vm->cancelled && vm->unmap && vm->split && vm->merge);
}

static void run_vms(struct kunit *test)
{
	pthread_t threads[SUBMITTERS];

	for (long i = 0; i < SUBMITTERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, submit, (void *)i));
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_join(threads[i], NULL);
	while (nr_vms)
		close_vm(test, &vms[--nr_vms]);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, nodes_allocated(), 0);
}

static void low_and_high_vm(struct kunit *test)
{
	open_vm(test, 0, SMALL_PAGES);
	open_vm(test, -SMALL_PAGES, SMALL_PAGES);
	run_vms(test);
}

static void large_vm(struct kunit *test)
{
	open_vm(test, -LARGE_PAGES, LARGE_PAGES);
	run_vms(test);
}

static struct kunit_case cases[] = {
	TREE_CASE(low_and_high_vm),
	TREE_CASE(large_vm),
	{}
};

static struct kunit_suite suite = { .name = "maple_gpuva", .test_cases = cases };

int main(int argc, char **argv)
{
	return run_suite(argc, argv, &suite, 3000);
}
