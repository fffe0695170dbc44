// SPDX-License-Identifier: GPL-2.0+
/*
 * A GPU VA manager, as VM_BIND wants it: the example from the documentation, which is
 * included here, run in threads and checked against a model.
 *
 * The ioctl may allocate, but does not know what the job will find, as other jobs are
 * still queued.  When the job runs, a dma-fence depends on it, and it must not allocate.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "maple-harness.h"
#include "../../../lib/tests/maple_doc_kunit.c"

#define SMALL_PAGES	1024UL
#define LARGE_PAGES	131072UL
#define SUBMITTERS	3

/* Map or unmap.  An ioctl can submit many of these. */
struct bind {
	struct foo_job job;
	unsigned int submitted;	/* after this many others had run */
};

static struct vm {
	struct foo foo;
	unsigned long base, nr_pages;	/* addresses are in pages */
	u64 *pages;		/* the model: page_at() each address */
	pthread_t executor;
	int queue[2];		/* a pipe, which limits how many jobs are pending */
	unsigned int run;	/* jobs */
	unsigned int late, cancelled, unmap, cut, merge;	/* none may stay 0 */
} vms[3];
static int nr_vms;

/*
 * Submission: in any thread, may sleep and fail
 */
static void random_request(struct foo_job *job, struct vm *vm, struct rnd *r)
{
	unsigned long nr = 1 + rnd_below(r, rnd_below(r, 50) ? 16 : 512);
	unsigned long first = rnd_below(r, vm->nr_pages);
	unsigned long object = rnd_below(r, 4);

	job->first = vm->base + first;
	job->last = job->first + min(nr, vm->nr_pages - first) - 1;
	if (!object)
		return;		/* unmap */

	job->new = kzalloc_obj(*job->new);
	job->new->first = job->first;
	job->new->last = job->last;
	/* Let many continue each other. */
	job->new->object = object;
	job->new->offset = first + rnd_below(r, 2);
}

static struct bind *prepare(struct vm *vm, struct rnd *r)
{
	struct bind *bind = calloc(1, sizeof(*bind));
	bool oom = !rnd_below(r, 200);

	bind->submitted = uatomic_read(&vm->run);
	random_request(&bind->job, vm, r);
	refuse_memory(oom);
	CHECK(foo_prepare(&vm->foo, &bind->job) == (oom ? -ENOMEM : 0));
	refuse_memory(false);
	if (!oom)
		return bind;
	free(bind);
	return NULL;
}

static void *submit(void *nr)
{
	struct rnd r = rnd_seed(seed * SUBMITTERS + (unsigned long)nr);

	rcu_register_thread();
	for (unsigned long i = 0; i < rounds / SUBMITTERS; i++) {
		struct vm *vm = &vms[rnd_below(&r, nr_vms)];
		struct bind *bind = prepare(vm, &r);

		if (bind)
			CHECK(write(vm->queue[1], &bind, sizeof(bind)) > 0);
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
static void run(struct vm *vm, struct foo_job *job)
{
	unsigned long first = job->first - vm->base, last = job->last - vm->base;
	struct foo_va *new = job->new;

	snprintf(context, sizeof(context), "VM at %lx, job %u", vm->base, vm->run);
	for (unsigned long i = first; i <= last; i++)
		vm->pages[i] = page_at(new, vm->base + i);
	CHECK(!foo_run(job));
	vm->unmap += !new && !list_empty(&job->dead);
	vm->cut += !job->prev && !job->next;
	vm->merge += new && (new->first < job->first || new->last > job->last);
	foo_finish(job);
	check_pages(vm, first - min(first, SMALL_PAGES), min(last + SMALL_PAGES, vm->nr_pages - 1));
	uatomic_inc(&vm->run);
}

static void *execute(void *data)
{
	struct rnd r = rnd_seed(seed);
	struct vm *vm = data;
	struct bind *bind;

	rcu_register_thread();
	for (; read(vm->queue[0], &bind, sizeof(bind)) > 0; free(bind)) {
		vm->late += bind->submitted < vm->run;
		if (rnd_below(&r, 10)) {
			run(vm, &bind->job);
		} else {
			/* Cancelled while it was queued */
			foo_cancel(&bind->job);
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

/* Small ones are at both ends of the address space, and more is checked in them. */
static void vm_bind(struct kunit *test)
{
	pthread_t threads[SUBMITTERS];

	open_vm(test, 0, SMALL_PAGES);
	open_vm(test, -SMALL_PAGES, SMALL_PAGES);
	open_vm(test, -LARGE_PAGES, LARGE_PAGES);
	for (long i = 0; i < SUBMITTERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, submit, (void *)i));
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_join(threads[i], NULL);
	while (nr_vms)
		close_vm(test, &vms[--nr_vms]);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, nodes_allocated(), 0);
}

static struct kunit_case cases[] = { TREE_CASE(vm_bind), {} };

static struct kunit_suite suite = { .name = "maple_gpuva", .test_cases = cases };

int main(int argc, char **argv)
{
	return run_suite(argc, argv, &suite, 6000);
}
