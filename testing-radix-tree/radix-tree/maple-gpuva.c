// SPDX-License-Identifier: GPL-2.0+
/*
 * A GPU VA manager, as VM_BIND wants it.
 *
 * Jobs are submitted which map and unmap ranges, and run later in a critical
 * section that must not allocate.  Which mappings a request will find by then is
 * not known when it is submitted: they may come from jobs that are still queued.
 *
 * One reservation is enough for a request:
 *
 * - One store replaces all that is in its range, whatever that is.  A new mapping
 *   that continues its neighbours takes their ranges in: still one store.
 * - It cuts the mappings at both ends.  What is left of one is a slot of the tree,
 *   from where the mapping began to where the store begins, or from where the
 *   store ends to where the mapping ended.  A rest has an entry of its own, which
 *   is stored in exactly that slot and takes no nodes, as long as the lock is held
 *   in between.  A NULL only widens over NULLs, so not over a rest.
 *
 * Readers under RCU are not part of this.
 */
#define ROUNDS	4000	/* jobs for small VMs */

#include "maple-model.h"

#define SMALL_PAGES	4096UL
#define LARGE_MAPPINGS	20	/* in a large VM, per round */
#define VMS		2
#define SUBMITTERS	3
#define REQUESTS	8	/* of a job, at most */
#define QUEUE		32	/* jobs of a VM, at most */

/* The entries of the tree: a part of an object, from offset on */
struct mapping {
	unsigned long start;
	unsigned long last;
	unsigned int object;
	unsigned int offset;
	unsigned long job;	/* of the job that mapped it, in order */
	struct mapping *next;
};

struct request {
	struct ma_state mas;
	unsigned long start;
	unsigned long last;
	unsigned int object;	/* 0: unmap */
	unsigned int offset;
};

struct job {
	struct job *next;
	struct mapping *spare;	/* to be mapped */
	struct mapping *dead;	/* to be freed afterwards */
	unsigned long done;	/* jobs of the VM, when it was submitted */
	int nr;
	struct request requests[REQUESTS];
};

/* The model: what is mapped at each page */
struct page {
	unsigned int object;	/* 0: nothing */
	unsigned int offset;
};

struct vm {
	struct maple_tree mt;
	unsigned long base;
	unsigned long pages;
	struct page *model;
	bool large;
	pthread_t executor;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *queue;
	int queued;
	bool closed;		/* nothing more is submitted */
	unsigned long done;
	unsigned long pending;	/* reservations in the queue */
	unsigned long most;
	unsigned long cancelled;

	/* The executor counts. */
	unsigned long maps, unmaps, rests, split, merges, bridges, unforeseen;
	unsigned int height;
};

struct submitter {
	pthread_t thread;
	struct vm *vms;
	int nr_vms;
	unsigned long jobs;
	unsigned long built;	/* requests so far, when a large VM is built */
	bool build;
	struct rnd r;
	unsigned long refused;	/* reservations */
	unsigned long memory;	/* of a job, at most */
};

static long mappings;

static struct mapping *new_mapping(void)
{
	CHECK(!kmem_cache_refuse);	/* The stub does not refuse calloc(). */
	uatomic_inc(&mappings);
	return calloc(1, sizeof(struct mapping));
}

static void free_mappings(struct mapping *m)
{
	while (m) {
		struct mapping *next = m->next;

		free(m);
		uatomic_dec(&mappings);
		m = next;
	}
}

/* The reservations of a job that was run have been used up. */
static void free_job(struct job *job)
{
	for (int i = 0; i < job->nr; i++)
		mas_destroy(&job->requests[i].mas);
	free_mappings(job->spare);
	free_mappings(job->dead);
	free(job);
}

/*
 * Submission: any number of threads, which may sleep.
 */

/* NULL if memory is short: what had been reserved is given back. */
static struct job *prepare_job(struct submitter *s, struct vm *vm,
			       const struct request *requests, int nr)
{
	struct job *job = calloc(1, sizeof(*job));
	unsigned long memory = sizeof(*job);

	CHECK(job);
	pthread_mutex_lock(&vm->lock);
	job->done = vm->done;
	pthread_mutex_unlock(&vm->lock);
	for (int i = 0; i < nr; i++) {
		struct request *req = &job->requests[i];
		bool fail = !rnd_below(&s->r, 200);

		*req = requests[i];
		mas_init(&req->mas, &vm->mt, 0);
		/* GFP_NOWAIT always fails. */
		if (mas_preallocate(&req->mas, NULL,
				    fail ? GFP_NOWAIT : GFP_KERNEL)) {
			CHECK(fail);
			s->refused++;
			free_job(job);
			return NULL;
		}
		CHECK(!fail && !lockdep_splats);
		CHECK(nodes_reserved(&req->mas) == MAPLE_PREALLOC_NODES);
		job->nr++;
		memory += nodes_reserved(&req->mas) * sizeof(struct maple_node);

		/* The new mapping, and a rest on either side */
		for (int n = req->object ? 3 : 2; n; n--) {
			struct mapping *m = new_mapping();

			m->next = job->spare;
			job->spare = m;
			memory += sizeof(*m);
		}
	}
	s->memory = max(s->memory, memory);
	return job;
}

/* At random, of those that are queued: there is one. */
static struct job *take_any(struct vm *vm, struct rnd *r)
{
	struct job **p = &vm->queue;
	struct job *job;

	for (int n = rnd_below(r, vm->queued); n; n--)
		p = &(*p)->next;
	job = *p;
	*p = job->next;
	vm->queued--;
	vm->pending -= job->nr;
	return job;
}

static void queue_job(struct vm *vm, struct job *job, struct rnd *r)
{
	struct job *cancel = NULL;
	struct job **p = &vm->queue;

	pthread_mutex_lock(&vm->lock);
	while (vm->queued == QUEUE)
		pthread_cond_wait(&vm->changed, &vm->lock);
	while (*p)
		p = &(*p)->next;
	*p = job;
	vm->queued++;
	vm->pending += job->nr;
	vm->most = max(vm->most, vm->pending);
	if (!vm->large && !rnd_below(r, 10))
		cancel = take_any(vm, r);
	vm->cancelled += !!cancel;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	if (cancel)
		free_job(cancel);
}

/* Of the same object often, and half of these continue each other. */
static void random_object(struct request *req, struct vm *vm, struct rnd *r)
{
	req->object = 1 + rnd_below(r, 3);
	req->offset = req->start - vm->base + rnd_below(r, 2) * 1000;
}

static void random_request(struct request *req, struct vm *vm, struct rnd *r)
{
	unsigned long size = 1 + rnd_below(r, 32);
	unsigned long page = rnd_below(r, vm->pages);

	if (!rnd_below(r, 50))
		size = 1 + rnd_below(r, 1024);
	/* The same ends again and again */
	if (rnd_below(r, 2)) {
		page = round_down(page, 8);
		size = round_up(size, 8);
	}
	if (!vm->large && !rnd_below(r, 1000)) {
		page = 0;
		size = vm->pages;
	}
	memset(req, 0, sizeof(*req));
	req->start = vm->base + page;
	req->last = req->start + min(size, vm->pages - page) - 1;
	if (rnd_below(r, 3))
		random_object(req, vm, r);
}

/* Split one mapping of it all, in no order: each request adds two mappings. */
static void build_request(struct request *req, struct vm *vm,
			  struct submitter *s)
{
	unsigned long n = s->built++;
	unsigned long slots = vm->pages / 8;

	memset(req, 0, sizeof(*req));
	req->start = vm->base;
	req->last = vm->base + vm->pages - 1;
	req->object = 4;
	if (!n)
		return;
	/* A prime, and larger: no slot is taken twice. */
	req->start += (u64)n * 1000000007 % slots * 8 + 2;
	req->last = req->start + rnd_below(&s->r, 4);
	random_object(req, vm, &s->r);
}

static void *submit(void *data)
{
	struct submitter *s = data;

	rcu_register_thread();
	snprintf(context, sizeof(context), "submission");
	for (unsigned long i = 0; i < s->jobs; i++) {
		struct vm *vm = &s->vms[rnd_below(&s->r, s->nr_vms)];
		int nr = s->build ? REQUESTS : 1 + rnd_below(&s->r, REQUESTS);
		struct request requests[REQUESTS];
		struct job *job;

		for (int n = 0; n < nr; n++) {
			if (s->build)
				build_request(&requests[n], vm, s);
			else
				random_request(&requests[n], vm, &s->r);
		}
		while (!(job = prepare_job(s, vm, requests, nr)))
			;
		queue_job(vm, job, &s->r);
	}
	rcu_unregister_thread();
	return NULL;
}

/*
 * Execution: one thread for each VM, which must not allocate.
 */
static bool continues(const struct mapping *a, const struct mapping *b)
{
	return a->object == b->object &&
	       b->offset - a->offset == (unsigned int)(b->start - a->start);
}

static struct mapping *take_spare(struct vm *vm, struct job *job,
				  unsigned long start, unsigned long last,
				  unsigned int object, unsigned int offset)
{
	struct mapping *m = job->spare;

	CHECK(m);
	job->spare = m->next;
	*m = (struct mapping){ start, last, object, offset, vm->done };
	return m;
}

/* What is left of @old was mapped by the job that mapped @old. */
static struct mapping *take_rest(struct vm *vm, struct job *job,
				 const struct mapping *old, unsigned long start,
				 unsigned long last)
{
	struct mapping *m = take_spare(vm, job, start, last, old->object,
				       old->offset + (start - old->start));

	m->job = old->job;
	return m;
}

static struct mapping *look_up(struct ma_state *mas, unsigned long index)
{
	mas_set(mas, index);
	return mas_walk(mas);
}

static void store(struct ma_state *mas, unsigned long start, unsigned long last,
		  struct mapping *m)
{
	mas_set_range(mas, start, last);
	CHECK(!mas_store_prealloc(mas, m));
	CHECK(!nodes_reserved(mas));
}

static void store_rest(struct vm *vm, struct ma_state *mas, struct mapping *rest)
{
	if (!rest)
		return;
	store(mas, rest->start, rest->last, rest);
	CHECK(mas->store_type == wr_exact_fit);
	vm->rests++;
}

static void run_request(struct vm *vm, struct job *job, struct request *req)
{
	struct mapping *new = NULL, *left = NULL, *right = NULL;
	unsigned long start = req->start, last = req->last;
	struct mapping *prev = NULL, *next = NULL, *m;
	struct ma_state *mas = &req->mas;
	bool unforeseen = false;
	int merged = 0;

	mas_lock(mas);
	/* Next to the range, or partly in it */
	if (start)
		prev = look_up(mas, start - 1);
	if (last < ULONG_MAX)
		next = look_up(mas, last + 1);

	if (req->object) {
		new = take_spare(vm, job, start, last, req->object, req->offset);
		if (prev && continues(prev, new)) {
			start = prev->start;
			new->start = start;
			new->offset = prev->offset;
			/* It may be the same as there already. */
			merged += prev != next;
			if (prev == next) {
				last = prev->last;
				new->last = last;
				next = NULL;
			}
			prev = NULL;
		}
		if (next && continues(new, next)) {
			last = next->last;
			new->last = last;
			next = NULL;
			merged++;
		}
	}
	if (prev && prev->last >= start)
		left = take_rest(vm, job, prev, prev->start, start - 1);
	if (next && next->start <= last)
		right = take_rest(vm, job, next, last + 1, next->last);

	mas_set(mas, start);
	mas_for_each(mas, m, last) {
		m->next = job->dead;
		job->dead = m;
		/* The job with the number job->done may have been running then. */
		unforeseen |= m->job > job->done && m->job != vm->done;
	}

	/* First the store that may need nodes: the rests are slots after it. */
	store(mas, start, last, new);
	store_rest(vm, mas, left);
	store_rest(vm, mas, right);
	mas_unlock(mas);
	/* mas_unlock() has cleared it. */
	kmem_cache_refuse = true;

	vm->maps += !!new;
	vm->unmaps += !new;
	vm->split += left && right && prev == next;
	vm->merges += !!merged;
	vm->bridges += merged == 2;
	vm->unforeseen += unforeseen;
}

static bool model_matches(const struct vm *vm, const struct mapping *m,
			  unsigned long first, unsigned long last)
{
	for (unsigned long i = first; i <= last; i++) {
		const struct page *page = &vm->model[i];
		unsigned int n = vm->base + i - m->start;

		if (page->object != m->object || page->offset != m->offset + n)
			return false;
	}
	return true;
}

static bool model_empty(const struct vm *vm, unsigned long first,
			unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		if (vm->model[i].object)
			return false;
	}
	return true;
}

/*
 * The pages from first to last hold what they should, in as few mappings as
 * possible.
 */
static unsigned long check_pages(struct vm *vm, unsigned long first,
				 unsigned long last)
{
	struct mapping *m, *prev = NULL;
	unsigned long next = first, nr = 0;

	MA_STATE(mas, &vm->mt, 0, 0);

	if (first)
		mas_set(&mas, vm->base + first);
	mas_lock(&mas);
	mas_for_each(&mas, m, last == vm->pages - 1 ? ULONG_MAX : vm->base + last) {
		unsigned long m_first = m->start - vm->base;
		unsigned long m_last = m->last - vm->base;

		CHECK(m->start == mas.index && m->last == mas.last);
		CHECK(m_first <= m_last && m_last < vm->pages);
		CHECK(!prev || prev->last < m->start);
		CHECK(!prev || prev->last + 1 < m->start || !continues(prev, m));
		if (m_first > next) {
			CHECK(model_empty(vm, next, m_first));
			next = m_first;
		}
		m_last = min(m_last, last);
		CHECK(model_matches(vm, m, next, m_last));
		next = m_last + 1;
		prev = m;
		nr++;
	}
	mas_unlock(&mas);
	CHECK(model_empty(vm, next, last + 1));
	return nr;
}

static void check_vm(struct vm *vm)
{
	mtree_lock(&vm->mt);
	mt_validate(&vm->mt);
	mtree_unlock(&vm->mt);
	check_pages(vm, 0, vm->pages - 1);
}

static void model_request(struct vm *vm, const struct request *req)
{
	unsigned long first = req->start - vm->base;
	unsigned long last = req->last - vm->base;

	for (unsigned long i = first; i <= last; i++) {
		vm->model[i].object = req->object;
		vm->model[i].offset = req->object ? req->offset + i - first : 0;
	}
}

static void run_job(struct vm *vm, struct job *job)
{
	unsigned long refused = kmem_cache_refused;

	/* From here a fence waits for us. */
	kmem_cache_refuse = true;
	for (int i = 0; i < job->nr; i++)
		run_request(vm, job, &job->requests[i]);
	kmem_cache_refuse = false;

	CHECK(kmem_cache_refused == refused);
	CHECK(!lockdep_splats);
	vm->height = max(vm->height, mt_height(&vm->mt));

	for (int i = 0; i < job->nr; i++)
		model_request(vm, &job->requests[i]);
	if (!vm->large) {
		check_vm(vm);
		return;
	}
	for (int i = 0; i < job->nr; i++) {
		unsigned long first = job->requests[i].start - vm->base;
		unsigned long last = job->requests[i].last - vm->base;

		check_pages(vm, first - min(first, 64UL),
			    min(last + 64, vm->pages - 1));
	}
}

static void *execute(void *data)
{
	struct rnd r = rnd_seed(seed);
	struct vm *vm = data;
	struct job *job;

	rcu_register_thread();
	pthread_mutex_lock(&vm->lock);
	do {
		/* As the GPU is busy for some time, the queue gets long. */
		int busy = 1 + rnd_below(&r, QUEUE);

		while (vm->queued < busy && !vm->closed)
			pthread_cond_wait(&vm->changed, &vm->lock);

		while ((job = vm->queue)) {
			vm->queue = job->next;
			vm->queued--;
			vm->pending -= job->nr;
			pthread_cond_broadcast(&vm->changed);
			pthread_mutex_unlock(&vm->lock);

			snprintf(context, sizeof(context), "VM at %lx, job %lu",
				 vm->base, vm->done);
			run_job(vm, job);
			free_job(job);

			pthread_mutex_lock(&vm->lock);
			vm->done++;
			if (vm->queued < busy / 2)
				break;
		}
	} while (vm->queue || !vm->closed);
	pthread_mutex_unlock(&vm->lock);
	rcu_unregister_thread();
	return NULL;
}

static void init_vm(struct vm *vm, const struct tree_kind *kind,
		    unsigned long pages, bool top)
{
	memset(vm, 0, sizeof(*vm));
	mt_init_flags(&vm->mt, kind->flags);
	vm->pages = pages;
	vm->base = top ? ULONG_MAX - pages + 1 : 0;
	vm->large = pages > SMALL_PAGES;
	vm->model = calloc(pages, sizeof(*vm->model));
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->changed, NULL);
}

static void destroy_vm(struct vm *vm)
{
	struct mapping *m, *dead = NULL;

	MA_STATE(mas, &vm->mt, 0, 0);

	check_vm(vm);
	CHECK(!vm->queued && !vm->pending);
	mas_lock(&mas);
	mas_for_each(&mas, m, ULONG_MAX) {
		m->next = dead;
		dead = m;
	}
	__mt_destroy(&vm->mt);
	mas_unlock(&mas);
	free_mappings(dead);
	free(vm->model);
}

/* @submitters submit, and all of it is executed. */
static void run(struct vm *vms, int nr_vms, struct submitter *submitters, int nr)
{
	for (int i = 0; i < nr_vms; i++) {
		vms[i].closed = false;
		CHECK(!pthread_create(&vms[i].executor, NULL, execute, &vms[i]));
	}
	for (int i = 0; i < nr; i++) {
		submitters[i].vms = vms;
		submitters[i].nr_vms = nr_vms;
		CHECK(!pthread_create(&submitters[i].thread, NULL, submit,
				      &submitters[i]));
	}
	for (int i = 0; i < nr; i++)
		pthread_join(submitters[i].thread, NULL);
	for (int i = 0; i < nr_vms; i++) {
		pthread_mutex_lock(&vms[i].lock);
		vms[i].closed = true;
		pthread_cond_broadcast(&vms[i].changed);
		pthread_mutex_unlock(&vms[i].lock);
		pthread_join(vms[i].executor, NULL);
	}
}

static void report(const struct vm *vms, int nr_vms,
		   const struct submitter *submitters)
{
	unsigned long refused = 0, memory = 0;
	struct vm sum = {};

	for (int i = 0; i < nr_vms; i++) {
		sum.done += vms[i].done;
		sum.cancelled += vms[i].cancelled;
		sum.maps += vms[i].maps;
		sum.unmaps += vms[i].unmaps;
		sum.rests += vms[i].rests;
		sum.split += vms[i].split;
		sum.merges += vms[i].merges;
		sum.bridges += vms[i].bridges;
		sum.unforeseen += vms[i].unforeseen;
		sum.height = max(sum.height, vms[i].height);
		sum.most = max(sum.most, vms[i].most);
	}
	for (int i = 0; i < SUBMITTERS; i++) {
		refused += submitters[i].refused;
		memory = max(memory, submitters[i].memory);
	}
	printf("  %lu jobs, %lu cancelled, %lu short of memory; %lu maps, %lu unmaps\n",
	       sum.done, sum.cancelled, refused, sum.maps, sum.unmaps);
	printf("  %lu met what was not mapped when they were submitted\n",
	       sum.unforeseen);
	printf("  %lu rests, %lu split in three, %lu merged, %lu with both sides\n",
	       sum.rests, sum.split, sum.merges, sum.bridges);
	printf("  height %u, %lu reservations pending, a job takes %lu bytes\n",
	       sum.height, sum.most, memory);
	if (rounds < ROUNDS)
		return;
	CHECK(sum.done && refused && sum.maps && sum.unmaps && sum.rests);
	CHECK(sum.split && sum.merges && sum.unforeseen);
	CHECK(vms->large || (sum.cancelled && sum.bridges));
	CHECK(sum.height >= (!vms->large ? 2 : MAPLE_32BIT ? 3 : 4));
	CHECK(sum.most > QUEUE);
}

static void check_no_leak(void)
{
	rcu_barrier();
	CHECK(!nodes_allocated());
	CHECK(!mappings);
}

/* Hundreds of mappings: all of them are checked after each job. */
static void check_small(const struct tree_kind *kind)
{
	struct submitter submitters[SUBMITTERS] = {};
	struct vm vms[VMS];

	for (int i = 0; i < VMS; i++)
		init_vm(&vms[i], kind, SMALL_PAGES, i & 1);
	for (int i = 0; i < SUBMITTERS; i++) {
		submitters[i].r = rnd_seed(seed * 16 + i);
		submitters[i].jobs = rounds / SUBMITTERS;
	}
	run(vms, VMS, submitters, SUBMITTERS);
	report(vms, VMS, submitters);
	for (int i = 0; i < VMS; i++)
		destroy_vm(&vms[i]);
	check_no_leak();
}

/* Very many mappings: what a job may have changed is checked. */
static void check_large(const struct tree_kind *kind)
{
	unsigned long nr = rounds * LARGE_MAPPINGS;
	struct submitter submitters[SUBMITTERS] = {};
	unsigned long built;
	struct vm vm;

	init_vm(&vm, kind, nr * 4 + SMALL_PAGES * 2, true);
	for (int i = 0; i < SUBMITTERS; i++)
		submitters[i].r = rnd_seed(seed * 16 + i);

	submitters[0].build = true;
	submitters[0].jobs = nr / 2 / REQUESTS + 1;
	run(&vm, 1, submitters, 1);
	built = check_pages(&vm, 0, vm.pages - 1);
	CHECK(built >= nr);
	CHECK(vm.split == submitters[0].built - 1);

	submitters[0].build = false;
	for (int i = 0; i < SUBMITTERS; i++)
		submitters[i].jobs = rounds / 8;
	run(&vm, 1, submitters, SUBMITTERS);
	printf("  %lu mappings at first\n", built);
	report(&vm, 1, submitters);
	destroy_vm(&vm);
	check_no_leak();
}

static const struct test tests[] = {
	{ "small VMs", check_small },
	{ "a large VM", check_large },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
