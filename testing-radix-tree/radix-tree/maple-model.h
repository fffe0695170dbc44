/* SPDX-License-Identifier: GPL-2.0+ */
/* A model of a maple tree: a sorted array of the entries that it should have */
#ifndef _MAPLE_MODEL_H
#define _MAPLE_MODEL_H

#include "maple-harness.h"

struct range {
	unsigned long index, last;
	void *entry;
};

struct model {
	struct range *range;
	unsigned long nr, max;
};

/* The first range that ends at or after @index */
static inline unsigned long model_find(const struct model *m, unsigned long index)
{
	unsigned long lo = 0, hi = m->nr;

	while (lo < hi) {
		unsigned long mid = (lo + hi) / 2;

		if (m->range[mid].last < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline void model_store(struct model *m, unsigned long index, unsigned long last,
			       void *entry)
{
	unsigned long lo = model_find(m, index), hi = lo, n = 0;
	const struct range *range = m->range;
	struct range new[3];

	while (hi < m->nr && range[hi].index <= last)
		hi++;
	if (lo < hi && range[lo].index < index)
		new[n++] = (struct range){ range[lo].index, index - 1, range[lo].entry };
	if (entry)
		new[n++] = (struct range){ index, last, entry };
	if (lo < hi && range[hi - 1].last > last)
		new[n++] = (struct range){ last + 1, range[hi - 1].last, range[hi - 1].entry };

	if (m->nr + n >= m->max) {
		m->max = (m->nr + n + 1) * 2;
		m->range = realloc(m->range, m->max * sizeof(*m->range));
	}
	memmove(m->range + lo + n, m->range + hi, (m->nr - hi) * sizeof(*m->range));
	memcpy(m->range + lo, new, n * sizeof(*new));
	m->nr += n - (hi - lo);
}

static inline void model_free(struct model *m)
{
	free(m->range);
	memset(m, 0, sizeof(*m));
}

/* Check that @mt has exactly the entries of @m. */
static inline void model_check(const struct model *m, struct maple_tree *mt)
{
	const struct range *range = m->range;
	void *entry;

	MA_STATE(mas, mt, 0, 0);

	mas_for_each(&mas, entry, ULONG_MAX) {
		CHECK(range < m->range + m->nr && entry == range->entry);
		CHECK(mas.index == range->index && mas.last == range->last);
		range++;
	}
	CHECK(range == m->range + m->nr);
	CHECK(m->nr || mtree_empty(mt));
}

/* Check that the tree is valid and matches the model. */
static inline void check_tree(struct maple_tree *mt, const struct model *m)
{
	mtree_lock(mt);
	mt_validate(mt);
	model_check(m, mt);
	mtree_unlock(mt);
}

#endif /* _MAPLE_MODEL_H */
