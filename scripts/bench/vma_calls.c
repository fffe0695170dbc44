// SPDX-License-Identifier: GPL-2.0
/*
 * Copied to lib/ and built in by make bench: a device that makes the system calls which are
 * written to it, and returns the nanoseconds that those of them took which are to be timed.
 * UML's way into the kernel and out again is not among them. For vma_init.c only.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/slab.h>
#include <asm/syscall.h>

struct vma_call {
	unsigned long nr, arg[6], result, timed;
};

static ssize_t vma_calls_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct vma_call *calls, *c;
	u64 start = 0, ns = 0;
	bool failed = false;

	calls = memdup_user(buf, len);
	if (IS_ERR(calls))
		return PTR_ERR(calls);

	for (c = calls; c < calls + len / sizeof(*c); c++) {
		if (!start && c->timed) {
			start = ktime_get_ns();
		} else if (start && !c->timed) {
			ns += ktime_get_ns() - start;
			start = 0;
		}
		if (sys_call_table[c->nr](c->arg[0], c->arg[1], c->arg[2],
					  c->arg[3], c->arg[4], c->arg[5]) != c->result)
			failed = true;
	}
	if (start)
		ns += ktime_get_ns() - start;

	kfree(calls);
	return failed ? -EIO : ns;
}

static const struct file_operations vma_calls_fops = {
	.write = vma_calls_write,
};

static struct miscdevice vma_calls = {
	.minor = 200,
	.name = "vma_calls",
	.fops = &vma_calls_fops,
};
builtin_misc_device(vma_calls);
