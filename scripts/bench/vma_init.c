// SPDX-License-Identifier: GPL-2.0
/*
 * The init of the kernels that make bench boots for it, in an initramfs: measures what
 * changes the VMAs of a process, and stops the machine. Each batch gives lines in the
 * kernel's log, with the nanoseconds per operation, the last line being BENCH done:
 *
 *	BENCH vma=mmap n=1000 ns=1234
 *
 *	getpid	a system call that does nothing: what each of the others costs at least
 *	mmap	munmap() of a page between others, and mmap() that finds the hole
 *	split	mprotect() of the middle of a VMA
 *	merge	mprotect() of the middle again: one VMA instead of three
 *	k...	the same as a function call in the kernel (vma_calls.c)
 *	fork	fork(), _exit() of the child, waitpid()
 *	exec	the same with execve() of a program that only exits
 *
 * n is the number of VMAs of the process, besides the few that it has anyway. No page of
 * them is ever touched: there are neither page tables nor anon_vmas to care for.
 *
 * With -DTINY, it is that program.
 */
#include <sys/syscall.h>

#ifdef TINY
__attribute__((noreturn)) void _start(void)
{
	asm volatile("syscall" : : "a" (SYS_exit), "D" (0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}
#else

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES	100UL
#define PAGE	4096UL
#define PAIR	(4 * PAGE)	/* a VMA of one page, and one of three */
#define STRIDE	7919UL		/* prime: all pairs, in an order that is none */
#define CALLS	1000UL		/* in a batch, which is shorter than a tick */
#define SYSCALLS 200UL		/* the same, if they are not made in the kernel */
#define SPLITS	50UL		/* in a row, at most */
#define FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Of one process */
static char *vmas;
static unsigned long nr_vmas, next;

static struct call {		/* as in vma_calls.c */
	unsigned long nr, arg[6], result, timed;
} calls[CALLS];

static int out, inside;

static void say(const char *what, const char *why)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "BENCH %s%s\n", what, why);

	if (write(out, line, len) != len)
		reboot(RB_POWER_OFF);
}

/* In any process: the others would only wait. */
static void fail(const char *what)
{
	say("failed: ", what);
	say("failed: ", strerror(errno));
	reboot(RB_POWER_OFF);
}

static unsigned long now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		fail("clock_gettime");
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void result(const char *prefix, const char *op, unsigned long ns, unsigned long n)
{
	char line[80];

	snprintf(line, sizeof(line), "vma=%s%s n=%lu ns=%lu", prefix, op, nr_vmas, (ns + n / 2) / n);
	say(line, "");
}

/* A pair of VMAs; neighbours are never alike, so that they stay as they are. */
static unsigned long pair(unsigned long i)
{
	return (unsigned long)vmas + (next + i) * STRIDE % (nr_vmas / 2) * PAIR;
}

/* run - makes the first N calls, returns how long those took that are timed */
static unsigned long run(unsigned long n, int from_kernel)
{
	unsigned long start = 0, sum = 0;

	if (from_kernel) {
		ssize_t ns = write(inside, calls, n * sizeof(*calls));

		if (ns <= 0)
			fail("a call in the kernel");
		return ns;
	}

	for (struct call *c = calls; c < calls + n; c++) {
		if (!start && c->timed) {
			start = now();
		} else if (start && !c->timed) {
			sum += now() - start;
			start = 0;
		}
		if (syscall(c->nr, c->arg[0], c->arg[1], c->arg[2],
			    c->arg[3], c->arg[4], c->arg[5]) != (long)c->result)
			fail("a call");
	}
	return start ? sum + now() - start : sum;
}

static void make(void)
{
	vmas = mmap(NULL, nr_vmas / 2 * PAIR, PROT_READ, FLAGS, -1, 0);
	if (vmas == MAP_FAILED)
		fail("mmap");
	for (unsigned long i = 0; i < nr_vmas / 2; i++)
		if (mprotect(vmas + i * PAIR + PAGE, 3 * PAGE, PROT_READ | PROT_WRITE))
			fail("mprotect");
}

static void measure_getpid(void)
{
	for (unsigned long i = 0; i < SYSCALLS; i++)
		calls[i] = (struct call){ SYS_getpid, {}, getpid(), 1 };
	result("", "getpid", run(SYSCALLS, 0), SYSCALLS);
}

/* There is one hole: where mmap() puts the page shows that it is that one. */
static void measure_mmap(const char *prefix)
{
	unsigned long n = *prefix ? CALLS : SYSCALLS;

	for (unsigned long i = 0; i < n; i += 2) {
		unsigned long page = pair(i / 2);

		calls[i] = (struct call){ SYS_munmap, { page, PAGE }, 0, 1 };
		calls[i + 1] = (struct call){ SYS_mmap, { 0, PAGE, PROT_READ, FLAGS, -1, 0 }, page, 1 };
	}
	result(prefix, "mmap", run(n, *prefix), n / 2);
	next += n / 2;
}

/* Some are split, then the same are merged, and so on; one of the two is timed. */
static void measure_mprotect(const char *prefix, const char *op, unsigned long merge)
{
	unsigned long splits = nr_vmas / 2 < SPLITS ? nr_vmas / 2 : SPLITS;
	unsigned long n = *prefix ? CALLS : SYSCALLS;

	for (unsigned long i = 0; i < n; i++) {
		unsigned long merges = i / splits % 2, start = pair(i % splits) + 2 * PAGE;

		calls[i] = (struct call){ SYS_mprotect, { start, PAGE, PROT_READ }, 0, merges == merge };
		if (merges)
			calls[i].arg[2] |= PROT_WRITE;
		if (i % (2 * splits) == 2 * splits - 1)
			next += splits;
	}
	result(prefix, op, run(n, *prefix), n / 2);
}

static void measure_fork(const char *op, const char *program)
{
	unsigned long n = nr_vmas < 10000 ? 5 : 1, start = now();
	char *const argv[] = { "tiny", NULL };

	for (unsigned long i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			if (program)
				execve(program, argv, NULL);
			_exit(program ? 1 : 0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			fail(op);
	}
	result("", op, now() - start, n);
}

static void measure(unsigned long n)
{
	nr_vmas = n;
	make();
	for (unsigned long i = 0; i < BATCHES; i++) {
		if (n == 10)
			measure_getpid();
		for (const char *prefix = "k"; ; prefix++) {
			measure_mmap(prefix);
			measure_mprotect(prefix, "split", 0);
			measure_mprotect(prefix, "merge", 1);
			if (!*prefix)
				break;
		}
		measure_fork("fork", NULL);
		if (n == 10)
			measure_fork("exec", "/tiny");
	}
}

int main(void)
{
	static const unsigned long sizes[] = { 10, 1000, 30000 };

	out = open("/dev/kmsg", O_WRONLY);
	inside = open("/dev/vma_calls", O_WRONLY);
	if (inside < 0)
		fail("vma_calls");
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			measure(sizes[i]);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			fail("a process that measures");
	}
	say("done", "");
	reboot(RB_POWER_OFF);
	return 0;
}
#endif
