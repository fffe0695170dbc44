// SPDX-License-Identifier: GPL-2.0+
/*
 * A GPU VA manager, as VM_BIND wants it: the example of the documentation, which is
 * included here, with threads and against a model.
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
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "maple-kunit.h"
#include "../../../lib/tests/maple_doc_kunit.c"

#define SMALL_PAGES	1024UL
#define LARGE_PAGES	131072UL
#define SUBMITTERS	3
#define MAX_OPS		8	/* of a job */

struct bind_job {
	unsigned int submitted;	/* after this many jobs had run */
	int nr;
	struct foo_job ops[MAX_OPS];
};

static struct vm {
	struct foo foo;
	unsigned long base, nr_pages;	/* addresses are in pages */
	u64 *pages;		/* the model: page_at() each address */
	pthread_t executor;
	int queue[2];		/* a pipe, which limits how many jobs are pending */
	unsigned int run;	/* jobs */
	unsigned int late, cancelled, unmap, cut, merge;	/* none may stay 0 */
} vms[2];
static int nr_vms;

static void cancel_job(struct bind_job *job)
{
	for (int i = 0; i < job->nr; i++)
		foo_cancel(&job->ops[i]);
	free(job);
}

/*
 * Submission: in any thread, may sleep and fail
 */
static void random_request(struct foo_job *op, struct vm *vm, struct rnd *r)
{
	unsigned long nr = 1 + rnd_below(r, rnd_below(r, 50) ? 16 : 512);
	unsigned long first = rnd_below(r, vm->nr_pages);
	unsigned long object = rnd_below(r, 4);

	op->first = vm->base + first;
	op->last = op->first + min(nr, vm->nr_pages - first) - 1;
	if (!object)
		return;		/* unmap */

	op->new = kzalloc_obj(*op->new);
	op->new->first = op->first;
	op->new->last = op->last;
	/* Let many continue each other. */
	op->new->object = object;
	op->new->offset = first + rnd_below(r, 2);
}

static int prepare_op(struct foo_job *op, struct vm *vm, struct rnd *r)
{
	bool oom = !rnd_below(r, 200);
	int ret;

	random_request(op, vm, r);
	refuse_memory(oom);
	ret = foo_prepare(&vm->foo, op);
	refuse_memory(false);
	CHECK(ret == (oom ? -ENOMEM : 0));
	return ret;
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
/* What is mapped at @addr */
static u64 page_at(const struct foo_va *va, unsigned long addr)
{
	return va ? (u64)va->object << 32 | (va->offset + (addr - va->first)) : 0;
}

/* All pages are as in the model, in as few mappings as possible. */
static void check_pages(struct vm *vm, unsigned long first, unsigned long last)
{
	struct foo_va *va, *prev = NULL;

	MA_STATE(mas, &vm->foo.mt, 0, 0);

	mas_lock(&mas);
	for (unsigned long i = first; i <= last; prev = va) {
		va = foo_find(&mas, vm->base + i);
		CHECK(!va || (va->first == mas.index && va->last == mas.last));
		CHECK(!va || !prev || !foo_continues(prev, va));
		for (; i <= min(mas.last - vm->base, last); i++)
			CHECK(vm->pages[i] == page_at(va, vm->base + i));
	}
	mas_unlock(&mas);
}

/* Of a small VM, everything is checked each time. */
static void run_op(struct vm *vm, struct foo_job *op)
{
	unsigned long first = op->first - vm->base, last = op->last - vm->base;
	struct foo_va *new = op->new;

	for (unsigned long i = first; i <= last; i++)
		vm->pages[i] = page_at(new, vm->base + i);
	CHECK(!foo_run(op));
	vm->unmap += !new && !list_empty(&op->dead);
	vm->cut += !op->prev && !op->next;
	vm->merge += new && (new->first < op->first || new->last > op->last);
	foo_finish(op);
	check_pages(vm, first - min(first, SMALL_PAGES), min(last + SMALL_PAGES, vm->nr_pages - 1));
}

static void run_job(struct vm *vm, struct bind_job *job)
{
	snprintf(context, sizeof(context), "VM at %lx, job %u", vm->base, vm->run);
	vm->late += job->submitted < vm->run;
	for (int i = 0; i < job->nr; i++)
		run_op(vm, &job->ops[i]);
	uatomic_inc(&vm->run);
	free(job);
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
	mt_init_flags(&vm->foo.mt, kind->flags);
	vm->pages = calloc(nr_pages, sizeof(*vm->pages));
	CHECK(!pipe(vm->queue) && fcntl(vm->queue[1], F_SETPIPE_SZ, 4096) > 0);
	CHECK(!pthread_create(&vm->executor, NULL, execute, vm));
}

static void close_vm(struct kunit *test, struct vm *vm)
{
	close(vm->queue[1]);
	pthread_join(vm->executor, NULL);
	close(vm->queue[0]);
	check_pages(vm, 0, vm->nr_pages - 1);
	mt_validate(&vm->foo.mt);
	foo_destroy(&vm->foo);
	free(vm->pages);
	KUNIT_EXPECT_TRUE(test, vm->late && vm->cancelled && vm->unmap && vm->cut && vm->merge);
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
