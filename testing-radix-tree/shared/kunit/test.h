/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of KUnit as it takes to run a suite in user space.  The output is KTAP, like
 * that of the kernel: `./suite | kunit.py parse' or `prove ./suite' can read it.
 */
#ifndef _KUNIT_TEST_H
#define _KUNIT_TEST_H

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/compiler.h>

#define KUNIT_PARAM_DESC_SIZE	128

enum kunit_status { KUNIT_SUCCESS, KUNIT_FAILURE, KUNIT_SKIPPED };

struct kunit {
	const void *param_value;
	enum kunit_status status;
	const char *why;		/* it is skipped */
	jmp_buf abort;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(struct kunit *test, const void *prev, char *desc);
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(test_name)	{ .run_case = test_name, .name = #test_name }
#define KUNIT_CASE_PARAM(test_name, gen_params)					\
	{ .run_case = test_name, .name = #test_name, .generate_params = gen_params }

#define KUNIT_ARRAY_PARAM(name, array, get_desc)				\
static const void __maybe_unused *name##_gen_params(struct kunit *test,		\
						    const void *prev, char *desc)	\
{										\
	__auto_type first = &(array)[0];					\
	__auto_type next = prev ? (typeof(first))prev + 1 : first;		\
										\
	if (next == first + sizeof(array) / sizeof((array)[0]))			\
		return NULL;							\
	get_desc(next, desc);							\
	return next;								\
}

static inline void kunit_skip(struct kunit *test, const char *why)
{
	test->status = KUNIT_SKIPPED;
	test->why = why;
	longjmp(test->abort, 1);
}

static inline void kunit_fail(struct kunit *test, bool fatal, const char *fmt, ...)
{
	va_list args;

	test->status = KUNIT_FAILURE;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	if (fatal)
		longjmp(test->abort, 1);
}

#define KUNIT_CHECK(test, fatal, left, op, right, fmt, ...) do {		\
	typeof(left) __left = (left);						\
	typeof(right) __right = (right);					\
										\
	if (!(__left op __right))						\
		kunit_fail(test, fatal, "    # FAILED at %s:%d: %s %s %s: %#lx, %#lx " fmt "\n", \
			   __FILE__, __LINE__, #left, #op, #right, (unsigned long)__left,	\
			   (unsigned long)__right, ##__VA_ARGS__);		\
} while (0)

#define KUNIT_EXPECT_EQ(test, left, right)	KUNIT_CHECK(test, false, left, ==, right, "")
#define KUNIT_EXPECT_EQ_MSG(test, left, right, fmt, ...)			\
	KUNIT_CHECK(test, false, left, ==, right, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_LE(test, left, right)	KUNIT_CHECK(test, false, left, <=, right, "")
#define KUNIT_EXPECT_GT(test, left, right)	KUNIT_CHECK(test, false, left, >, right, "")
#define KUNIT_EXPECT_PTR_EQ	KUNIT_EXPECT_EQ
#define KUNIT_EXPECT_PTR_EQ_MSG	KUNIT_EXPECT_EQ_MSG
#define KUNIT_EXPECT_TRUE(test, cond)		KUNIT_CHECK(test, false, !!(cond), ==, true, "")
#define KUNIT_EXPECT_FALSE(test, cond)		KUNIT_CHECK(test, false, !!(cond), ==, false, "")
#define KUNIT_ASSERT_EQ(test, left, right)	KUNIT_CHECK(test, true, left, ==, right, "")
#define KUNIT_ASSERT_NOT_NULL(test, ptr)	KUNIT_CHECK(test, true, !(ptr), ==, false, "")

/* SUITE.CASE PARAMETER, for messages that say what was running */
static char kunit_running[256] = "no test";

static inline void kunit_print(const struct kunit *test, const char *indent, int nr,
			       const char *name)
{
	bool skipped = test->status == KUNIT_SKIPPED;

	printf("%s%sok %d %s%s%s\n", indent, test->status == KUNIT_FAILURE ? "not " : "",
	       nr, name, skipped ? " # SKIP " : "", skipped ? test->why : "");
	fflush(stdout);
}

static inline enum kunit_status kunit_run_one(struct kunit_suite *suite, struct kunit_case *c,
					      const void *param, const char *indent, int nr,
					      const char *name)
{
	struct kunit test = { .param_value = param };

	snprintf(kunit_running, sizeof(kunit_running), "%s.%s %s", suite->name, c->name,
		 param ? name : "");
	if (!setjmp(test.abort) && suite->init)
		KUNIT_ASSERT_EQ(&test, suite->init(&test), 0);
	if (test.status == KUNIT_SUCCESS && !setjmp(test.abort))
		c->run_case(&test);
	if (suite->exit && !setjmp(test.abort))
		suite->exit(&test);
	kunit_print(&test, indent, nr, name);
	return test.status;
}

static inline enum kunit_status kunit_run_case(struct kunit_suite *suite, struct kunit_case *c,
					       int nr)
{
	struct kunit all = { .status = KUNIT_SKIPPED, .why = "all parameters" };
	char desc[KUNIT_PARAM_DESC_SIZE];
	const void *param = NULL;

	if (!c->generate_params)
		return kunit_run_one(suite, c, NULL, "    ", nr, c->name);

	printf("        KTAP version 1\n        # Subtest: %s\n", c->name);
	for (int i = 1; (param = c->generate_params(&all, param, desc)); i++) {
		enum kunit_status status = kunit_run_one(suite, c, param, "        ", i, desc);

		if (status == KUNIT_FAILURE || all.status == KUNIT_SKIPPED)
			all.status = status;
	}
	kunit_print(&all, "    ", nr, c->name);
	return all.status;
}

/* Counts the cases of @suite that match @pattern.  Runs them, too, unless @all is NULL. */
static inline int kunit_run_suite(struct kunit_suite *suite, const char *pattern,
				  struct kunit *all)
{
	int nr = 0;

	for (struct kunit_case *c = suite->test_cases; c->run_case; c++) {
		char name[256];

		snprintf(name, sizeof(name), "%s.%s", suite->name, c->name);
		if (pattern && fnmatch(pattern, name, 0))
			continue;
		nr++;
		if (all && kunit_run_case(suite, c, nr) == KUNIT_FAILURE)
			all->status = KUNIT_FAILURE;
	}
	return nr;
}

/* Runs the cases whose SUITE.CASE matches @pattern, or all.  Returns the exit status. */
static inline int kunit_run(struct kunit_suite **suites, int nr_suites, const char *pattern)
{
	bool failed = false;
	int nr = 0;

	for (int s = 0; s < nr_suites; s++)
		nr += kunit_run_suite(suites[s], pattern, NULL) > 0;
	if (!nr) {
		fprintf(stderr, "no test matches %s\n", pattern);
		return 2;
	}

	printf("KTAP version 1\n1..%d\n", nr);
	nr = 0;
	for (int s = 0; s < nr_suites; s++) {
		int cases = kunit_run_suite(suites[s], pattern, NULL);
		struct kunit all = {};

		if (!cases)
			continue;
		printf("    KTAP version 1\n    # Subtest: %s\n    1..%d\n", suites[s]->name,
		       cases);
		kunit_run_suite(suites[s], pattern, &all);
		kunit_print(&all, "", ++nr, suites[s]->name);
		failed |= all.status == KUNIT_FAILURE;
	}
	return failed;
}

#endif /* _KUNIT_TEST_H */
