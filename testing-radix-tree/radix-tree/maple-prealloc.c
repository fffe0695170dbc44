// SPDX-License-Identifier: GPL-2.0+
/*
 * The KUnit suites of maple tree preallocation in user space
 */
#include "maple-harness.h"
#include "../../../lib/tests/maple_prealloc_kunit.c"
#include "../../../lib/tests/maple_doc_kunit.c"

int main(int argc, char **argv)
{
	struct kunit_suite *suites[] = { &prealloc_suite, &doc_suite };

	rcu_register_thread();
	maple_tree_init();
	return kunit_run(suites, ARRAY_SIZE(suites), argv[1]);
}
