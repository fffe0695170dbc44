// SPDX-License-Identifier: GPL-2.0+
/*
 * Random changes of a maple tree through the normal API, against a model.
 *
 * What is wrong with a change in RCU mode shows when its nodes are freed: replay a
 * failing seed with a GRACE of 1 to see which change it was.
 */
#define ROUNDS	20000

#include "maple-model.h"

#define GRACE	256	/* rounds until a grace period has to pass */

enum op {
	OP_STORE,
	OP_INSERT,
	OP_ERASE,
	OP_DUP,
	OP_DESTROY,
	NR_OPS
};

static const char * const op_names[NR_OPS] = {
	"store", "insert", "erase", "dup", "destroy",
};

static enum op random_op(struct rnd *r)
{
	unsigned long i = rnd_below(r, 1000);

	if (i == 0)
		return OP_DESTROY;
	if (i <= 10)
		return OP_DUP;
	if (i < 150)
		return OP_INSERT;
	if (i < 350)
		return OP_ERASE;
	return OP_STORE;
}

/* Also destroys a tree of whatever shape it has now. */
static void duplicate(struct maple_tree *mt, const struct model *m)
{
	struct maple_tree new;

	mt_init_flags(&new, mt->ma_flags & ~MT_FLAGS_HEIGHT_MASK);
	CHECK(!__mt_dup(mt, &new, GFP_KERNEL));
	check_tree(&new, m);
	mtree_destroy(&new);
}

/*
 * One change in [@min, @max], which nobody else changes, and no entry reaches out
 * of.  Only with @alone can it be one to the tree as a whole.
 */
static enum op change(struct maple_tree *mt, struct model *m, struct rnd *r,
		      unsigned long min, unsigned long max, bool large,
		      bool alone)
{
	enum op op = random_op(r);
	struct range range;
	unsigned long at;

	random_range(r, &range, large);
	if (!alone) {
		if (op == OP_DESTROY || op == OP_DUP)
			op = OP_ERASE;
		range.index = min + range.index % (max - min + 1);
		range.last = range.last < range.index ? range.index :
			     min(range.last, max);
		if (!rnd_below(r, 300)) {
			range.index = min;
			range.last = max;
			range.entry = NULL;
		}
	}

	at = model_find(m, range.index);
	switch (op) {
	case OP_STORE:
		CHECK(!mtree_store_range(mt, range.index, range.last,
					 range.entry, GFP_KERNEL));
		model_store(m, range.index, range.last, range.entry);
		break;
	case OP_INSERT:
		if (at < m->nr && m->range[at].index <= range.last) {
			CHECK(mtree_insert_range(mt, range.index, range.last, r,
						 GFP_KERNEL) == -EEXIST);
			break;
		}
		CHECK(!mtree_insert_range(mt, range.index, range.last, r,
					  GFP_KERNEL));
		model_store(m, range.index, range.last, r);
		break;
	case OP_ERASE:
		/* Mostly an entry that is there */
		if (at < m->nr && rnd_below(r, 8))
			range.index = m->range[at].index;
		if (at == m->nr || m->range[at].index > range.index) {
			CHECK(!mtree_erase(mt, range.index));
			break;
		}
		CHECK(mtree_erase(mt, range.index) == m->range[at].entry);
		model_store(m, m->range[at].index, m->range[at].last, NULL);
		break;
	case OP_DUP:
		duplicate(mt, m);
		break;
	case OP_DESTROY:
		mtree_destroy(mt);
		m->nr = 0;
		break;
	case NR_OPS:
		break;
	}
	return op;
}

static void check_alone(const struct tree_kind *kind)
{
	unsigned long seen[NR_OPS] = {};
	struct rnd r = rnd_seed(seed);
	unsigned int height = 0;
	struct maple_tree mt;
	struct model m;

	setup(&mt, &m, kind);
	for (unsigned long i = 0; i < rounds; i++) {
		snprintf(context, sizeof(context), "round %lu", i);
		seen[change(&mt, &m, &r, 0, ULONG_MAX, i % 5000 >= 4000,
			    true)]++;
		height = max(height, mt_height(&mt));
		if (!(i % GRACE))
			check_all(&mt, &m);
		else if (!(i % 16))
			check_tree(&mt, &m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);

	printf("  height %u", height);
	for (int op = 0; op < NR_OPS; op++)
		printf(", %lu %s", seen[op], op_names[op]);
	printf("\n");
}

/*
 * Threads, each in a part of its own.  GFP_NOWAIT always fails, so that they lose
 * the lock at every allocation.
 */
#define THREADS	6
#define PART	4096UL

struct worker {
	pthread_t thread;
	struct maple_tree *mt;
	struct model m;
	unsigned long id;
};

static void *work(void *data)
{
	struct worker *w = data;
	struct rnd r = rnd_seed(seed * 16 + w->id);
	unsigned long min = w->id * PART;

	rcu_register_thread();
	snprintf(context, sizeof(context), "thread %lu", w->id);
	for (unsigned long i = 0; i < rounds; i++)
		change(w->mt, &w->m, &r, min, min + PART - 1, !(i % 10), false);
	rcu_unregister_thread();
	return NULL;
}

static void check_threads(const struct tree_kind *kind)
{
	struct worker workers[THREADS] = {};
	struct maple_tree mt;
	struct model m;

	setup(&mt, &m, kind);
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->id = i;
		w->mt = &mt;
		CHECK(!pthread_create(&w->thread, NULL, work, w));
	}
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		pthread_join(w->thread, NULL);
		model_add(&m, &w->m);
	}
	check_all(&mt, &m);
	teardown(&mt, &m);
}

static const struct test tests[] = {
	{ "one thread", check_alone },
	{ "threads", check_threads },
};

int main(int argc, char **argv)
{
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
