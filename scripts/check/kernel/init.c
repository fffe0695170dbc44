// SPDX-License-Identifier: GPL-2.0
/*
 * The init of the kernels that kernel.sh boots, in an initramfs: does what its
 * first argument says, and ends the machine.
 *
 *	mappings	change the mappings of a few processes at random, look at what
 *			is in them, and fork: VMAs are in a maple tree
 *	nothing		only boot
 *	NAME [SEED]	a case of maple_stress.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES	4
#define GENERATIONS	4
#define ROUNDS		300
#define AREAS		64
#define PAGES		16
#define PAGE		4096UL

static void stop(const char *what)
{
	perror(what);
	reboot(STOP);
}

static void put(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		stop(file);
	close(fd);
}

/* An area is what one mmap() gave; each of its pages begins with its tag. */
static struct area {
	char *start;
	unsigned long pages;
	unsigned long tag;
} areas[AREAS];

static unsigned long tag;

static void check_area(struct area *a)
{
	for (unsigned long i = 0; i < a->pages; i++)
		if (*(unsigned long *)(a->start + i * PAGE) != a->tag) {
			fprintf(stderr, "init: wrong page\n");
			exit(1);
		}
}

static void write_area(struct area *a)
{
	for (unsigned long i = 0; i < a->pages; i++)
		*(unsigned long *)(a->start + i * PAGE) = a->tag;
}

/* one - one random change, which splits, merges, moves, grows or shrinks a VMA */
static void one(struct area *a)
{
	unsigned long pages = 1 + random() % PAGES, cut;
	char *p;

	if (!a->pages) {
		p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			goto failed;
		a->start = p;
		a->pages = pages;
		a->tag = ++tag;
		write_area(a);
		return;
	}

	check_area(a);
	cut = random() % a->pages;
	switch (random() % 5) {
	case 0:
		if (munmap(a->start, a->pages * PAGE))
			goto failed;
		a->pages = 0;
		break;
	case 1:		/* keep what is before the cut */
		if (munmap(a->start + cut * PAGE, (a->pages - cut) * PAGE))
			goto failed;
		a->pages = cut;
		break;
	case 2:
		p = mremap(a->start, a->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
		if (p == MAP_FAILED && errno == EFAULT)
			break;	/* of more than one VMA, since case 3 or 4 */
		if (p == MAP_FAILED)
			goto failed;
		a->start = p;
		a->pages = pages;
		write_area(a);
		break;
	case 3:		/* a VMA of its own, and back */
		if (mprotect(a->start + cut * PAGE, PAGE, PROT_READ) ||
		    mprotect(a->start + cut * PAGE, PAGE, PROT_READ | PROT_WRITE))
			goto failed;
		break;
	case 4:		/* over the middle of it */
		p = mmap(a->start + cut * PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (p == MAP_FAILED)
			goto failed;
		*(unsigned long *)p = a->tag;
		break;
	}
	return;
failed:
	perror("init: a mapping");
	exit(1);
}

/* map - changes, and a child that goes on with a copy of the mappings, and so on */
static void map(unsigned int seed)
{
	for (int generation = 0; ; generation++) {
		int status = 0;
		pid_t pid = -1;

		srandom(seed + generation);
		for (int i = 0; i < ROUNDS; i++)
			one(&areas[random() % AREAS]);
		if (generation < GENERATIONS) {
			pid = fork();
			if (!pid)
				continue;
			for (int i = 0; i < ROUNDS; i++)
				one(&areas[random() % AREAS]);
			if (pid < 0 || waitpid(pid, &status, 0) < 0)
				exit(1);
		}
		for (int i = 0; i < AREAS; i++)
			if (areas[i].pages)
				check_area(&areas[i]);
		exit(status ? 1 : 0);
	}
}

static void mappings(void)
{
	int status, failed = 0;

	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			stop("init: fork");
		if (!pid)
			map(100 * i);
	}
	while (wait(&status) > 0)
		failed |= status;
	printf("init: mappings %s\n", failed ? "failed" : "passed");
}

static void run_case(const char *name, const char *seed)
{
	char val[64];

	mkdir("/sys", 0755);
	mkdir("/debug", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("debugfs", "/debug", "debugfs", 0, NULL))
		stop("init: mount");
	/* All allocations, of whatever kind, but only of tasks that ask for it. */
	put("/debug/failslab/task-filter", "Y");
	put("/debug/failslab/ignore-gfp-wait", "N");
	put("/debug/failslab/verbose", "0");
	put("/debug/failslab/times", "-1");
	put("/debug/failslab/probability", "100");
	snprintf(val, sizeof(val), "%s %s", name, seed);
	put("/sys/module/maple_stress/parameters/run", val);
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "nothing"))
		printf("init: nothing to do\n");
	else if (!strcmp(argv[1], "mappings"))
		mappings();
	else
		run_case(argv[1], argc > 2 ? argv[2] : "0");
	fflush(stdout);
	reboot(STOP);
	return 0;
}
