// SPDX-License-Identifier: GPL-2.0
/*
 * The init of the kernel that kernel.sh boots, in an initramfs: loads and unloads
 * modules while the allocation of maple tree nodes fails, and looks where their allocation
 * tags are.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTION		".codetag.alloc_tags"
#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define MODULES		60

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

/*
 * Which allocations of maple tree nodes fail from now on: a single node, or the array for
 * some of them. Others of the same size fail, too.
 */
#define CACHE(name)	"/sys/kernel/slab/" name "/failslab"
static const char * const caches[] = {
	CACHE("maple_node"), CACHE("kmalloc-64"), CACHE("kmalloc-96"), CACHE("kmalloc-128"), CACHE("kmalloc-192"),
	CACHE("kmalloc-256"), CACHE("kmalloc-512"),
};

enum fail { NONE, NOWAIT, ALL };

static void fail(enum fail which)
{
	put(FAILSLAB "ignore-gfp-wait", which == ALL ? "N" : "Y");
	put(FAILSLAB "probability", which == NONE ? "0" : "100");
}

/* tags.c as it was built; the file is /NAME_00.ko, the module NAME_00, NAME_01, ... */
struct kind {
	const char *name;
	char *image;
	unsigned long size;	/* of the file */
	unsigned long tags;	/* bytes in the section of the tags */
	unsigned long align;	/* of that section */
};

static struct kind plain = { .name = "plain" }, align = { .name = "align" }, large = { .name = "large" };

static void read_kind(struct kind *k)
{
	char file[32];
	struct stat st;
	Elf64_Ehdr *hdr;
	Elf64_Shdr *sec;
	int fd;

	snprintf(file, sizeof(file), "/%s_00.ko", k->name);
	fd = open(file, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		stop(file);
	k->size = st.st_size;
	k->image = malloc(k->size);
	if (!k->image || read(fd, k->image, k->size) != st.st_size)
		stop(file);
	close(fd);

	hdr = (void *)k->image;
	sec = (void *)(k->image + hdr->e_shoff);
	for (int i = 0; i < hdr->e_shnum; i++) {
		if (strcmp(k->image + sec[hdr->e_shstrndx].sh_offset + sec[i].sh_name, SECTION))
			continue;
		k->tags = sec[i].sh_size;
		k->align = sec[i].sh_addralign;
	}
	printf("# %s: %lu bytes of tags, aligned to %lu\n", k->name, k->tags, k->align);
}

struct module {
	const struct kind *kind;	/* NULL: not loaded */
	char name[16];
	unsigned long start;		/* of its tags */
};

static struct module modules[MODULES];

/* load - returns 0, or an errno */
static int load(struct module *m, struct kind *k, const char *params)
{
	char file[96], old[16], address[32] = "";
	int fd;

	snprintf(m->name, sizeof(m->name), "%s_%02d", k->name, (int)(m - modules));
	/* The name is in the image a few times, always as long as this. */
	snprintf(old, sizeof(old), "%s_", k->name);
	for (char *p = k->image; (p = memmem(p, k->image + k->size - p, old, 6)); p += 6)
		memcpy(p, m->name, strlen(m->name));

	if (syscall(SYS_init_module, k->image, k->size, params))
		return errno;

	snprintf(file, sizeof(file), "/sys/module/%s/sections/" SECTION, m->name);
	fd = open(file, O_RDONLY);
	if (fd < 0 || read(fd, address, sizeof(address) - 1) < 0)
		stop(file);
	close(fd);
	m->start = strtoul(address, NULL, 16);
	m->kind = k;
	return 0;
}

static void unload(struct module *m)
{
	if (m->kind && syscall(SYS_delete_module, m->name, O_NONBLOCK))
		stop(m->name);
	m->kind = NULL;
}

static void unload_all(void)
{
	for (int i = 0; i < MODULES; i++)
		unload(&modules[i]);
}

/* load_many - @fail from the given module on; returns how many have failed */
static int load_many(enum fail which, int from)
{
	int failed = 0;

	for (int i = 0; i < MODULES; i++) {
		if (i == from)
			fail(which);
		/* Padding or not, so that some store is the first that needs a node. */
		failed += load(&modules[i], i % 3 == 2 ? &plain : &align, "") != 0;
	}
	fail(NONE);
	return failed;
}

static bool passed = true;

static void result(bool ok, const char *what)
{
	passed &= ok;
	printf("%sok - %s\n", ok ? "" : "not ", what);
}

static bool shared(void)
{
	bool found = false;

	for (struct module *a = modules; a < modules + MODULES; a++) {
		for (struct module *b = modules; b < a; b++) {
			if (!a->kind || !b->kind || a->start >= b->start + b->kind->tags ||
			    b->start >= a->start + a->kind->tags)
				continue;
			if (!found)
				printf("# the tags of %s are at %lx, those of %s at %lx\n",
				       b->name, b->start, a->name, a->start);
			found = true;
		}
	}
	return found;
}

/* All of the area is free again: modules without padding are side by side from its start. */
static void nothing_is_left(const char *what)
{
	static unsigned long start;
	bool ok = true;

	for (int i = 0; i < MODULES && ok; i++) {
		if (load(&modules[i], &plain, ""))
			stop("load");
		if (!start)
			start = modules[0].start;
		ok = modules[i].start == start + i * plain.tags;
		if (!ok)
			printf("# the tags of %s are at %lx instead of %lx\n", modules[i].name,
			       modules[i].start, start + i * plain.tags);
	}
	unload_all();
	result(ok, what);
}

/* nodes - how many are allocated; there are no sheaves */
static long nodes(void)
{
	FILE *f = fopen("/sys/kernel/slab/maple_node/objects", "r");
	long n;

	if (!f || fscanf(f, "%ld", &n) != 1)
		stop("objects");
	fclose(f);
	return n;
}

/* A KUnit suite, which runs when it is loaded; COMMIT=base has none. */
static void run_suite(const char *file)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		stop(file);
	close(fd);
}

int main(void)
{
	int failed;
	long before;

	setlinebuf(stdout);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
		stop("mount");
	for (unsigned int i = 0; i < sizeof(caches) / sizeof(*caches); i++)
		put(caches[i], "1");
	put(FAILSLAB "cache-filter", "Y");
	put(FAILSLAB "task-filter", "Y");
	put(FAILSLAB "verbose", "0");
	put(FAILSLAB "times", "-1");
	put("/proc/self/make-it-fail", "1");
	read_kind(&plain);
	read_kind(&align);
	read_kind(&large);

	nothing_is_left("modules are loaded and unloaded");
	before = nodes();
	failed = load_many(NONE, 0);
	result(!failed && !shared(), "with padding");
	unload_all();
	nothing_is_left("and nothing is left");

	failed = load_many(NOWAIT, 5);
	printf("# %d of %d were not loaded\n", failed, MODULES);
	result(!shared(), "no nodes without sleeping: no two modules share tags");
	unload_all();
	nothing_is_left("and nothing is left after they are unloaded");

	load_many(NONE, 0);
	fail(NOWAIT);
	unload_all();
	fail(NONE);
	nothing_is_left("no nodes without sleeping when they are unloaded: nothing is left");

	failed = load_many(ALL, 5);
	result(failed == MODULES - 5, "no nodes at all: modules are not loaded");
	unload_all();
	nothing_is_left("and nothing is left");

	/* What cannot be erased is marked, and erased when there is no room. */
	load_many(NONE, 0);
	unload(&modules[0]);
	failed = load(&modules[0], &large, "");
	fail(ALL);
	unload_all();
	fail(NONE);
	result(!failed && !load(&modules[0], &large, ""), "no nodes at all when they are unloaded: there is room");
	unload_all();
	nothing_is_left("and nothing is left");

	result(!load(&modules[0], &plain, "leak=1"), "a module leaks");
	unload(&modules[0]);
	load(&modules[1], &plain, "");
	result(modules[1].start != modules[0].start, "its tag is not given to the next one");

	result(nodes() < before + MODULES, "no nodes are leaked");
	run_suite("/maple_doc_kunit.ko");
	run_suite("/maple_prealloc_kunit.ko");

	printf("tags: %s\n", passed ? "passed" : "failed");
	reboot(STOP);
	return 0;
}
