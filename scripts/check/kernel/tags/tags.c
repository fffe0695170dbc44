// SPDX-License-Identifier: GPL-2.0
/*
 * A module with allocation tags, which init.c loads under many names. TAGS_ALIGN is
 * the alignment of the section that they are in, TAGS_SPACE what it has before them.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/stringify.h>

asm(".pushsection alloc_tags, \"aw\"\n"
    ".balign " __stringify(TAGS_ALIGN) "\n"
    ".space " __stringify(TAGS_SPACE) "\n"
    ".popsection");

static bool leak;
module_param(leak, bool, 0);
MODULE_PARM_DESC(leak, "Keep an allocation, so that its tag stays in use");

static int __init tags_init(void)
{
	void *p = kmalloc(8, GFP_KERNEL);

	if (!leak)
		kfree(p);
	return p ? 0 : -ENOMEM;
}

static void __exit tags_exit(void)
{
}

module_init(tags_init);
module_exit(tags_exit);
MODULE_DESCRIPTION("A module with one allocation tag");
MODULE_LICENSE("GPL");
