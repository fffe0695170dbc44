# SPDX-License-Identifier: GPL-2.0
# Makes tables of medians and ratios from the results of make bench, which are lines of name=value.
# A ratio is the quotient of two medians, followed by the smallest and the largest quotient of a round
# in brackets. Exits with 1 if results of a measured part are missing or not valid.
# -v file=numbers|users: the tables to print; -v plot=PREFIX: start of the names of the files for gnuplot

# median(): the median of a list of numbers; sets low and high to the smallest and the largest
function median(list,	v, n, i, j, t)
{
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	low = v[1] + 0
	high = v[n] + 0
	return !n ? 0 : n % 2 ? v[(n + 1) / 2] + 0 : (v[n / 2] + v[n / 2 + 1]) / 2
}

# time(): the median over all rounds of what KERNEL measured under the name KEY
function time(kernel, key,	r, list)
{
	for (r = 1; r <= rounds; r++) {
		if (!((kernel, r, key) in value)) {
			missing[kernel " " key]
			return 0
		}
		list = list " " value[kernel, r, key]
	}
	return median(list)
}

function ratio(kernel, key, kernel2, key2,	r, list, x, y)
{
	for (r = 1; r <= rounds; r++)
		if (value[kernel2, r, key2] > 0)
			list = list " " value[kernel, r, key] / value[kernel2, r, key2]
	x = time(kernel, key)
	y = time(kernel2, key2)
	median(list)
	return y ? x / y : 0
}

# spread(): the ratio x with low and high, as text
function spread(x)
{
	return sprintf("%5.2f (%.2f..%.2f)", x, low, high)
}

function verdict(x, goal)
{
	if (x <= goal)
		return "ok"
	missed++
	return "missed"
}

{
	delete f
	for (i = 1; i <= NF; i++) {
		eq = index($i, "=")
		f[eq ? substr($i, 1, eq - 1) : $i] = substr($i, eq + 1)
	}
	k = f["kernel"] SUBSEP f["round"] SUBSEP
	if ("kernel" in f)
		rounds = rounds > f["round"] ? rounds : f["round"]
	if ("user" in f) {
		have["users"]
		k = f["user"] " " f["way"] " " f["n"]
		if ("op" in f) {
			k = f["op"] " " k
			user_ns[k, ++user_got[k]] = f["ns"]
		} else if ("held" in f) {
			held = held " " f["held"]
		} else {
			user_index[k] = f["index"] / f["n"]
			user_extra[k] = f["extra"] / f["n"]
			user_entry[k] = f["entry"]
			user_slab[k] = f["slab"]
		}
	} else if ("phase" in f) {
		value[k f["phase"] " " f["op"] " " f["tree"] " " f["path"] " " f["count"]] = f["ns"]
	} else if ("op" in f) {
		have["stores"]
		value[k f["op"] " " f["tree"] " " f["path"] " " f["n"]] = f["ns"]
	} else if ("pending" in f) {
		value[k "pending " f["path"]] = f["bytes"] / f["pending"]
		value[k "nodes " f["path"]] = f["nodes"]
		value[k "capacity"] = f["capacity"]
	} else if ("idle" in f) {
		value[k "idle"] = f["idle"]
	} else if ("vma" in f) {
		have["vma"]
		i = k f["vma"] " " f["n"]
		# Take the fastest batch: the others were interrupted more often.
		if (!(i in value) || value[i] + 0 > f["ns"] + 0)
			value[i] = f["ns"]
	} else if ("readers" in f) {
		have["readers"]
		if (f["membarrier"] == "0")
			slow_rcu = 1
		k = f["readers"] " " f["n"] " " f["writer"]
		lookups[k] = lookups[k] " " f["lookups"] / 1e6
		changes[k] = changes[k] " " f["changes"] / 1e3
	} else if ("type" in f) {
		have["instructions"]
		if (f["commit"] != commits[ncommits])
			commits[++ncommits] = f["commit"]
		instructions[f["commit"], f["type"]] = f["instructions"] / f["stores"]
		if (ncommits == 1) {
			types[++ntypes] = f["type"]
			stores[f["type"]] = f["stores"]
		} else if (stores[f["type"]] != f["stores"]) {
			missing["instructions of " f["commit"] ", which makes other stores than " commits[1]]
		}
		sum[f["commit"]] += f["instructions"]
		if (ncommits == 1)
			all_stores += f["stores"]
	} else if ($1 == "size") {
		have["size"]
		sub(/^size /, "")
		size = size "    " $0 "\n"
	}
}

function external_tables(	o, t, s, x, y, i, k, base, path)
{
	print "\nNanoseconds per store, for what also exists without the series. lib/maple_tree.c without the series"
	print "(base) and with it are in the same kernel and work on the same tree. A round takes the median of 20"
	print "batches of stores at random places; all tables show the median of the rounds. A ratio is the quotient of"
	print "two medians; in brackets, the smallest and the largest ratio of a round. UML, native speed, one CPU."
	print "  exact      external lock, held for mas_preallocate() and mas_store_prealloc(), as for VMAs"
	print "  gfp        internal lock; mas_store_gfp()"
	print "  again      a second copy of base, relative to base: the effect of code placement"
	print "  series     ns, and relative to base; the goal is at most 1.03"
	print "  aligned    relative to base, with functions and loops aligned to 64 and 32 bytes in all copies"
	print "  store      store a new range, then NULL in that range"
	print "  overwrite  replace an entry in exactly its range"
	print "  reserve    mas_preallocate() and mas_destroy(), without a store\n"
	printf "%-9s %-5s %-14s %8s |%8s | %-18s |%8s %-18s | %-18s |\n", "", "", "tree", "entries",
		"base", "again", "series", "", "aligned"
	for (o = 1; o <= nops; o++) for (i = 1; i <= 2; i++) for (t = 1; t <= ntrees; t++) for (s = 1; s <= nsizes; s++) {
		path = i == 1 ? "exact" : "gfp"
		if (ops[o] == "reserve" && path == "gfp")
			continue
		k = ops[o] " " trees[t] " %s " sizes[s]
		base = sprintf(k, "base-" path)
		printf "%-9s %-5s %-14s %8d |%8.1f | ", ops[o], path, trees[t], sizes[s], time("series", base)
		x = ratio("series", sprintf(k, "again-" path), "series", base)
		printf "%-18s |", spread(x)
		x = ratio("series", sprintf(k, path), "series", base)
		y = spread(x)
		printf "%8.1f %-18s | ", time("series", sprintf(k, path)), y
		y = ratio("series-64", sprintf(k, path), "series-64", base)
		printf "%-18s | %s\n", spread(y), verdict(x, 1.03)
	}
}

function internal_tables(	o, t, s, x, e, i, k, p, npaths)
{
	print "\nOther ways to store, all with the series: ns, and ratios to exact."
	print "  exact     external lock, held for mas_preallocate() and mas_store_prealloc()"
	print "  internal  internal lock; mas_preallocate() before it is taken; the goal is at most 1.10"
	print "  reserve   internal lock; mas_reserve() before it is taken, mas_destroy() after it is dropped"
	print "  gfp       internal lock; mas_store_gfp()"
	print "  rb        rb-tree; the node is allocated before the lock is taken\n"
	printf "%-9s %-14s %8s |%8s |%8s %-18s %-6s |%8s %-18s |%8s %-18s |%8s\n", "", "tree",
		"entries", "exact", "internal", "", "", "reserve", "", "gfp", "", "rb"
	for (o = 1; o <= nops; o++) for (t = 1; t <= ntrees; t++) for (s = 1; s <= nsizes; s++) {
		e = ops[o] " " trees[t] " exact " sizes[s]
		printf "%-9s %-14s %8d |%8.1f |", ops[o], trees[t], sizes[s], time("series", e)
		k = ops[o] " " trees[t] " internal " sizes[s]
		printf "%8.1f ", time("series", k)
		x = ratio("series", k, "series", e)
		printf "%-18s %-6s |", spread(x), verdict(x, 1.10)
		npaths = split("reserve gfp", p, " ")
		for (i = 1; i <= npaths; i++) {
			if (ops[o] == "reserve") {
				printf "%8s %-18s |", "", ""
				continue
			}
			k = ops[o] " " trees[t] " " p[i] " " sizes[s]
			printf "%8.1f ", time("series", k)
			printf "%-18s |", spread(ratio("series", k, "series", e))
		}
		printf "%8.1f\n", time("series", ops[o] " rb rb " sizes[s])
		if (ops[o] == "store")
			plot_stores(trees[t], sizes[s])
	}
}

# plot_stores(): ns per store, with the smallest and the largest, for gnuplot
function plot_stores(tree, n,	i, p, np, key, x)
{
	np = split("base exact internal gfp rb", p, " ")
	for (i = 1; i <= np; i++) {
		key = "store " (p[i] == "rb" ? "rb rb" : tree " " (p[i] == "base" ? "base-exact" : p[i])) " " n
		x = time("series", key)
		print tree, p[i], n, x, low, high >(plot ".stores")
	}
}

function pending_tables(	w, t, o, c, x, ways, path, ncounts, count, phase)
{
	print "\nPending reservations: first all of them are made, then each is used for a store under the lock, then"
	print "the nodes that are left are given back. ns for each, in a tree of 100,000 entries; UML, one CPU."
	print "  to 1   relative to a store with one reservation pending; for mas_reserve(), the goal is at most 1.50"
	print "  back   give the nodes back; with mas_preallocate(), the store does that"
	print "  exact  external lock, held for mas_preallocate() and mas_store_prealloc(); none pending"
	ncounts = split("1 8 16 64 512 1024", count, " ")
	split("reserve store give-back", phase, " ")
	printf "\n%-9s %-14s %7s |", "", "tree", "pending"
	printf "%29s |%22s |%29s |%8s\n", "mas_reserve()", "mas_preallocate()", "rb-tree", "exact"
	printf "%-9s %-14s %7s |%8s %6s %5s %7s |", "", "", "", "reserve", "store", "to 1", "back"
	printf "%8s %7s %5s |%9s %8s %10s |\n", "reserve", "store", "to 1", "allocate", "insert", "free"
	for (o = 1; o <= 2; o++) for (t = 1; t <= ntrees; t++) for (c = 1; c <= ncounts; c++) {
		printf "%-9s %-14s %7d |", ops[o], trees[t], count[c]
		split("reserve internal rb", ways, " ")
		for (w = 1; w <= 3; w++) {
			path = " " ops[o] " " (w == 3 ? "rb" : trees[t]) " " ways[w] " "
			printf w == 3 ? "%9.0f " : "%8.0f ", time("series", "reserve" path count[c])
			x = time("series", "store" path count[c])
			printf w == 3 ? "%8.0f " : w == 1 ? "%6.0f " : "%7.0f ", x
			if (t == 1)
				print ops[o], ways[w], count[c], x, low, high >(plot ".pending")
			if (w < 3) {
				x = ratio("series", "store" path count[c], "series", "store" path "1")
				printf "%5.2f ", x
				if (w == 1 && count[c] == 1024)
					pending_verdicts = pending_verdicts \
						sprintf("  %s, %s: %.2f %s\n", ops[o], trees[t], x, verdict(x, 1.50))
			}
			if (w == 1)
				printf "%7.0f ", time("series", "give-back" path count[c])
			else if (w == 3)
				printf "%10.0f ", time("series", "give-back" path count[c])
			printf "|"
		}
		if (c == 1)
			printf "%8.0f", time("series", ops[o] " " trees[t] " exact 100000")
		print ""
	}
	printf "\nA store with 1024 reservations pending, relative to one with 1 (mas_reserve()):\n%s", pending_verdicts
}

function idle_ratio(kernel,	r, list, base)
{
	base = time("base", "idle")
	for (r = 1; r <= rounds; r++)
		list = list " " value[kernel, r, "idle"] / base
	return median(list)
}

function memory_tables(	i, k, n, kernel, x)
{
	print "\nMemory, in bytes."
	print "  capacity  of a sheaf, in nodes"
	print "  nodes     in a reservation"
	print "  exact     what a preallocation with an external lock holds; the mean of 1000"
	print "  reserved  the same with the internal lock; the goal is at most 8.5 KiB (8704)"
	print "  idle      what the sheaves of one CPU and one NUMA node hold when the trees are gone, until"
	print "            kmem_cache_shrink(); also relative to base; the goal is at most 1.00\n"
	printf "%-8s %9s %6s |%9s %9s %-6s |%8s %s\n", "", "capacity", "nodes", "exact", "reserved", "", "idle", ""
	n = split("base series", kernel, " ")
	for (i = 1; i <= n; i++) {
		k = kernel[i]
		printf "%-8s %9d %6s |%9.0f ", k, time(k, "capacity"),
			k == "base" ? "" : time(k, "nodes internal"), time(k, "pending exact")
		x = k == "base" ? 0 : time(k, "pending internal")
		printf "%9s %-6s |", k == "base" ? "" : sprintf("%.0f", x), k == "series" ? verdict(x, 8.5 * 1024) : ""
		printf "%8d ", time(k, "idle")
		# Relative to the median of base: for base itself, low and high then show the noise.
		x = idle_ratio(k)
		printf "%s %s\n", spread(x), k == "series" ? verdict(x, 1) : ""
	}
}

function vma_tables(	o, n, name, f, x, y)
{
	print "\nWhat a user of VMAs sees: ns, the fastest of 100 batches; UML, one CPU. base and series are two kernels."
	print "  again    the kernel base, booted once more, relative to base: the noise"
	print "  series   ns, and relative to base; the goal is at most 1.03"
	print "  aligned  the same ratio for two kernels with functions and loops aligned as above"
	print "  k...     called in the kernel, without the cost of a system call in UML"
	print "  getpid   a system call that does nothing"
	print "  entries  the number of VMAs of the process\n"
	printf "%-8s %8s |%9s | %-18s |%9s %-18s | %-18s |\n", "", "entries", "base", "again", "series", "", "aligned"
	n = split("getpid 10,kmmap 10,kmmap 1000,kmmap 30000,ksplit 10,ksplit 1000,ksplit 30000," \
		  "kmerge 10,kmerge 1000,kmerge 30000," \
		  "mmap 10,mmap 1000,mmap 30000,split 10,split 1000,split 30000,merge 10,merge 1000,merge 30000," \
		  "fork 10,fork 1000,fork 30000,exec 10", name, ",")
	for (o = 1; o <= n; o++) {
		split(name[o], f, " ")
		printf "%-8s %8d |%9d | ", f[1], f[2], time("base", name[o])
		x = ratio("again", name[o], "base", name[o])
		printf "%-18s |", spread(x)
		x = ratio("series", name[o], "base", name[o])
		y = spread(x)
		printf "%9d %-18s | ", time("series", name[o]), y
		y = ratio("series-64", name[o], "base-64", name[o])
		printf "%-18s | %s\n", spread(y), verdict(x, 1.03)
	}
}

function readers_tables(	w, s, n, way, size, k, x, base)
{
	print "\nOne reader and one writer, each on its own CPU; user space, -O2, liburcu. The reader looks up random"
	print "addresses while the writer keeps mapping and unmapping. Each number is the median of runs of one second."
	print "  alone            millions of lookups per second without the writer"
	print "  beside a writer  the same with the writer; smallest and largest in brackets"
	print "  ratio            lookups of maple to those of this line, beside a writer"
	print "  changes          thousands of changes per second by the writer"
	print "  maple            maple tree in RCU mode: the reader takes no lock"
	print "  rb-...           interval tree under a lock of glibc. With its read-write lock, reader and writer"
	print "                   hardly make progress, which says little about such a lock in a kernel.\n"
	if (slow_rcu)
		missing["readers (without sys_membarrier(), rcu_read_lock() takes longer than in a kernel)"]
	printf "%8s %-12s |%8s |%8s %-14s %6s |%9s\n", "mappings", "", "alone", "beside a writer", "", "ratio", "changes"
	n = split("maple rb-mutex rb-rwlock rb-spinlock", way, " ")
	split("1000 100000 500000", size, " ")
	for (s = 1; s <= 3; s++) for (w = 1; w <= n; w++) {
		k = way[w] " " size[s] " "
		if (lookups[k "0"] == "" || lookups[k "1"] == "")
			missing["readers " k]
		printf "%8d %-12s |%8.2f |", size[s], way[w], median(lookups[k "0"])
		x = median(lookups[k "1"])
		if (w == 1)
			base = x
		print way[w], size[s], x, low, high >(plot ".readers")
		printf "%8.2f %-14s %6.2f |%9.0f\n", x, sprintf("(%.2f..%.2f)", low, high), x ? base / x : 0, median(changes[k "1"])
	}
}

function instructions_tables(	t, c, x)
{
	print "\nInstructions per store with an external lock, after each part of the series; in brackets, relative to"
	print "base (callgrind, tools/testing/radix-tree, -O2). The goal is at most 1.01 for each type of store.\n"
	printf "%-16s %8s", "", "stores"
	for (c = 1; c <= ncommits; c++)
		printf " %16s", commits[c]
	print ""
	for (t = 1; t <= ntypes; t++) {
		printf "%-16s %8d", types[t], stores[types[t]]
		for (c = 1; c <= ncommits; c++) {
			x = instructions[commits[c], types[t]] / instructions[commits[1], types[t]]
			printf " %8.1f (%5.3f)", instructions[commits[c], types[t]], x
		}
		printf " %s\n", verdict(x, 1.01)
	}
	printf "%-16s %8d", "all", all_stores
	for (c = 1; c <= ncommits; c++)
		printf " %8.1f (%5.3f)", sum[commits[c]] / all_stores, sum[commits[c]] / sum[commits[1]]
	print ""
}

# user_time(), user_ratio(): like time() and ratio(), for a user; the globals op and n select the rest
function user_time(user, way,	r, list, k)
{
	k = op " " user " " way " " n
	if (!user_got[k])
		missing[k]
	for (r = 1; r <= user_got[k]; r++)
		list = list " " user_ns[k, r]
	return median(list)
}

function user_ratio(user, way,	x, y)
{
	x = user_time(user, way)
	y = user_time(user, "rb")
	return y ? x / y : 0
}

function heading(first, nway, way,	i)
{
	printf "\n%-10s %8s |", first, "mappings"
	for (i = 1; i <= nway; i++)
		printf i == 1 ? " %10s" : " | %14s %6s", way[i], "ratio"
	print ""
}

# user_tables(): the first of the ways is what the user has today, to which ratios relate
function user_tables(user, operations, ways,	nop, o, nway, w, nsize, s, all, way, size, k, i, x)
{
	nop = split(operations, all, " ")
	nway = split(ways, way, " ")
	nsize = split("1000 100000 500000", size, " ")
	heading("ns", nway, way)
	for (o = 1; o <= nop; o++) for (s = 1; s <= nsize; s++) {
		op = all[o]; n = size[s]
		printf "%-10s %8d |", op, n
		for (w = 1; w <= nway; w++) {
			x = user_time(user, way[w])
			print user, op, way[w], n, x, low, high >(plot ".users")
			printf w == 1 ? " %10.1f" : " | %14.1f %6.2f", x, user_ratio(user, way[w])
		}
		print ""
	}
	heading("bytes", nway, way)
	for (i = 1; i <= 3; i++) for (s = 1; s <= nsize; s++) {
		n = size[s]
		printf "%-10s %8d |", i == 1 ? "index" : i == 2 ? "object" : "both", n
		for (w = 1; w <= nway; w++) {
			k = user " " way[w] " " n
			if (!(k in user_index))
				missing["memory " k]
			# In the rb-tree, the index is embedded in the object.
			x = i == 1 ? user_index[k] : i == 2 ? user_entry[k] : user_index[k] + user_entry[k]
			if (w == 1)
				first = x
			printf w == 1 ? " %10.1f" : " | %14.1f %6.2f", x, first ? x / first : 0
			if (i == 1)
				print user, "index", way[w], n, x, x, x >(plot ".users")
		}
		print ""
	}
}

function users()
{
	print "\nThe two users who asked for preallocation: what they use today (rb), and maple trees with the internal"
	print "lock, with mas_preallocate() before it is taken and mas_store_prealloc() under it. UML, native speed,"
	print "one CPU. ns per operation (walk: per mapping), bytes per mapping, and ratios to rb."
	print "  map, unmap  with the allocation of objects and nodes; an unmap looks up the mapping first"
	print "  remap       a map over other mappings, which it cuts or removes; 10% of the maps in map do this, too"
	print "  lookup      look up a random address; in RCU mode, without the lock"
	print "  hit         the same for a random address in a mapping"
	print "  walk        visit all mappings in order (rb: along the list)"
	print "  prepare     the part of map before it takes the lock, and undoing it"
	print "  RCU         readers take no lock, and objects are freed after a grace period"
	print "  index       rb: rb_node, list_head, subtree maximum and objects for free ranges; maple tree: nodes"
	print "  object      the rest of struct drm_gpuva or struct vmap_area"
	print "UML maps its memory in pages of 4 KiB, a kernel in large ones. In a tree larger than the caches, TLB"
	print "misses therefore make each node more expensive than in a kernel, and an rb-tree touches more nodes."
	print "With one CPU, nobody waits for a lock, so the columns of RCU mode show only its cost."
	print "The maple tree loses on map and unmap in a small tree, which fits into the caches: each walks the tree"
	print "twice, to look up and to store, and a store copies a node of 256 bytes. In RCU mode, it writes a new"
	print "node, and the old one is freed after a grace period. An rb-tree only sets a few pointers. The maple"
	print "tree also loses on the walk of a small tree: one function call per mapping; the list needs one load."
	print "\nGPU VA manager (today: interval tree and list, one lock)"
	user_tables("gpu", "map unmap remap lookup hit walk prepare", "rb regular regular,RCU allocation,RCU")
	print "\nRange allocator, which takes the lowest gap that is large enough (today: a tree and a list of the ranges"
	print "in use, the same for the free ones with the subtree maximum, and two locks)"
	user_tables("range", "map unmap lookup hit walk prepare", "rb allocation allocation,RCU")
	if (held == "")
		missing["memory of a reservation"]
	printf "\nA pending reservation holds %d bytes (maple tree), or nothing but the objects (rb).\n", median(held)
	printf "With kmalloc(), a GPU object takes %d bytes (rb), or %d and the nodes (maple tree).\n",
		user_slab["gpu rb 1000"], user_slab["gpu regular 1000"]
	printf "The allocator has %.2f free ranges per mapping.\n", user_extra["range rb 500000"]
}


END {
	nops = split("store overwrite reserve", ops, " ")
	ntrees = split("allocation,RCU regular", trees, " ")
	nsizes = split("10 1000 100000 1000000", sizes, " ")
	if (file == "users") {
		if ("users" in have)
			users()
	} else {
		if ("stores" in have) {
			external_tables()
			internal_tables()
			pending_tables()
			memory_tables()
		}
		if ("vma" in have)
			vma_tables()
		if ("readers" in have)
			readers_tables()
		if ("instructions" in have)
			instructions_tables()
		if ("size" in have)
			printf "\nSize of lib/maple_tree.o in bytes, base and series (x86-64 defconfig; scripts/bloat-o-meter):\n%s", size
		printf "\nGoals missed: %d\n", missed
	}
	for (k in missing) {
		print "no valid results: " k
		bad = 1
	}
	exit bad
}
