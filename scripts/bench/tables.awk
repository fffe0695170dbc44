# SPDX-License-Identifier: GPL-2.0
# Tables of medians and ratios from the results of make bench, lines of name=value. A ratio is the
# median of the ratios within each round, with the least and the greatest in brackets. Ends
# with status 1 when a part has been measured, but not all of it.
# -v file=numbers|users -v plot=PREFIX of the files for gnuplot

# median(): of a list of numbers; also sets low and high
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

# time(): the median of all rounds of what is measured in KERNEL under the name KEY
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

function ratio(kernel, key, kernel2, key2,	r, list)
{
	for (r = 1; r <= rounds; r++)
		if (value[kernel2, r, key2] > 0)
			list = list " " value[kernel, r, key] / value[kernel2, r, key2]
	return median(list)
}

# spread(): as text
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
		# The fastest of the batches: the others were interrupted more often.
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
			missing["the same stores in " f["commit"]]
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

function external_tables(	o, t, s, x, i, k, base, path)
{
	print "\nNanoseconds per store with what is the same in both: lib/maple_tree.c without the series (base)"
	print "and with it, in the same kernel and on the same tree. The fastest of 20 batches, of these the"
	print "median of the rounds, as in all tables; UML, native speed, one CPU."
	print "  exact    external lock, mas_preallocate() and mas_store_prealloc() under it, as for VMAs"
	print "  gfp      internal lock, mas_store_gfp()"
	print "  again    a second copy of base, to base: what comes of where the code happens to be"
	print "  series   to base; goal 1.03"
	print "  aligned  the same, with functions and loops aligned to 64 and 32 bytes in all of them"
	print "store: a new range, and NULL there again; overwrite: an entry in exactly its range;"
	print "reserve: mas_preallocate() and mas_destroy(), nothing stored.\n"
	printf "%-9s %-5s %-14s %8s |%8s | %-18s | %-18s %-6s | %-18s\n", "", "", "tree", "entries",
		"base, ns", "again", "series", "", "aligned"
	for (o = 1; o <= nops; o++) for (i = 1; i <= 2; i++) for (t = 1; t <= ntrees; t++) for (s = 1; s <= nsizes; s++) {
		path = i == 1 ? "exact" : "gfp"
		if (ops[o] == "reserve" && path == "gfp")
			continue
		k = ops[o] " " trees[t] " %s " sizes[s]
		base = sprintf(k, "base-" path)
		printf "%-9s %-5s %-14s %8d |%8.1f | ", ops[o], path, trees[t], sizes[s], time("series", base)
		x = ratio("series", sprintf(k, "again-" path), "series", base)
		printf "%-18s | ", spread(x)
		time("series", sprintf(k, path))
		x = ratio("series", sprintf(k, path), "series", base)
		printf "%-18s %-6s | ", spread(x), verdict(x, 1.03)
		time("series-64", base)
		x = ratio("series-64", sprintf(k, path), "series-64", base)
		printf "%-18s\n", spread(x)
	}
}

function internal_tables(	o, t, s, x, e, i, k, p, npaths)
{
	print "\nThe same for other ways to store with the series."
	print "  exact     external lock, mas_preallocate() and mas_store_prealloc() under it"
	print "  internal  internal lock, mas_preallocate() outside of it; to exact, goal 1.10"
	print "  reserve   internal lock, mas_reserve() and mas_destroy() outside of it; to exact"
	print "  gfp       internal lock, mas_store_gfp(); to exact"
	print "  rb        rb-tree, node allocated outside of the lock"
	print "  28/32     internal to exact with 28 nodes; 64/80 with 64, and sheaves of 80\n"
	printf "%-9s %-14s %8s |%8s |%8s %-18s %-6s |%8s %-18s |%8s %-18s |%8s | %-18s | %-18s\n", "", "tree",
		"entries", "exact", "internal", "", "", "reserve", "", "gfp", "", "rb", "28/32", "64/80"
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
		printf "%8.1f | ", time("series", ops[o] " rb rb " sizes[s])
		k = ops[o] " " trees[t] " internal " sizes[s]
		time("28/32", k)
		printf "%-18s | ", spread(ratio("28/32", k, "28/32", e))
		time("64/80", k)
		printf "%-18s\n", spread(ratio("64/80", k, "64/80", e))
		if (ops[o] == "store")
			plot_stores(trees[t], sizes[s])
	}
}

# plot_stores(): ns with the least and the greatest
function plot_stores(tree, n,	i, p, np, key, x)
{
	np = split("base exact internal gfp rb", p, " ")
	for (i = 1; i <= np; i++) {
		key = "store " (p[i] == "rb" ? "rb rb" : tree " " (p[i] == "base" ? "base-exact" : p[i])) " " n
		x = time("series", key)
		print tree, p[i], n, x, low, high >(plot ".stores")
	}
}

function pending_tables(	w, t, o, c, i, p, x, ways, kernel, path, ncounts, count, phase)
{
	print "\nPending reservations: as many are made, then as many stores under the lock, then what is left is"
	print "given back; tree of 100,000 entries; ns each; UML, one CPU. to 1: store to store with one"
	print "pending, goal 1.50 for mas_reserve(). mas_preallocate() gives back in the store. 64/80: as above."
	print "exact is the external lock, mas_preallocate() and mas_store_prealloc() in one."
	ncounts = split("1 8 16 64 512 1024", count, " ")
	split("reserve store give-back", phase, " ")
	printf "\n%-9s %-14s %7s |", "", "tree", "pending"
	printf "%29s |%22s |%13s |%29s |%8s\n", "mas_reserve()", "mas_preallocate()", "64/80", "rb-tree", "exact"
	printf "%-9s %-14s %7s |%8s %6s %5s %7s |", "", "", "", "reserve", "store", "to 1", "back"
	printf "%8s %7s %5s |%7s %5s |%9s %8s %10s |\n", "reserve", "store", "to 1", "store", "to 1", "allocate", "insert", "free"
	for (o = 1; o <= 2; o++) for (t = 1; t <= ntrees; t++) for (c = 1; c <= ncounts; c++) {
		printf "%-9s %-14s %7d |", ops[o], trees[t], count[c]
		split("reserve internal internal rb", ways, " ")
		for (w = 1; w <= 4; w++) {
			kernel = w == 3 ? "64/80" : "series"
			path = " " ops[o] " " (w == 4 ? "rb" : trees[t]) " " ways[w] " "
			if (w != 3)
				printf w == 4 ? "%9.0f " : "%8.0f ", time(kernel, "reserve" path count[c])
			x = time(kernel, "store" path count[c])
			printf w == 4 ? "%8.0f " : w == 1 ? "%6.0f " : "%7.0f ", x
			if (t == 1)
				print ops[o], (w == 3 ? kernel : ways[w]), count[c], x, low, high >(plot ".pending")
			if (w < 4) {
				x = ratio(kernel, "store" path count[c], kernel, "store" path "1")
				printf "%5.2f ", x
				if (w == 1 && count[c] == 1024)
					pending_verdicts = pending_verdicts sprintf("  %s, %s: %.2f %s\n", ops[o], trees[t], x, verdict(x, 1.50))
			}
			if (w == 1)
				printf "%7.0f ", time(kernel, "give-back" path count[c])
			else if (w == 4)
				printf "%10.0f ", time(kernel, "give-back" path count[c])
			printf "|"
		}
		if (c == 1)
			printf "%8.0f", time("series", ops[o] " " trees[t] " exact 100000")
		print ""
	}
	printf "\nStore with 1024 pending to one with 1, mas_reserve():\n%s", pending_verdicts
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
	print "\nMemory. Pending: what a reservation holds, measured with 1000 of them, goal 8.5 KiB. Idle: what"
	print "the sheaves of one CPU and one node hold after the largest tree (kmem_cache_shrink()), to base,"
	print "goal 1.00.\n"
	printf "%-8s %9s %6s |%9s %9s %-6s |%8s %s\n", "", "capacity", "nodes", "exact", "reserved", "", "idle", ""
	n = split("base series 64/80", kernel, " ")
	for (i = 1; i <= n; i++) {
		k = kernel[i]
		printf "%-8s %9d %6s |%9.0f ", k, time(k, "capacity"), k == "base" ? "" : time(k, "nodes internal"), time(k, "pending exact")
		x = k == "base" ? 0 : time(k, "pending internal")
		printf "%9s %-6s |", k == "base" ? "" : sprintf("%.0f", x), k == "series" ? verdict(x, 8.5 * 1024) : ""
		printf "%8d ", time(k, "idle")
		# To the median of base, whose spread is the noise.
		x = idle_ratio(k)
		printf "%s %s\n", spread(x), k == "series" ? verdict(x, 1) : ""
	}
}

function vma_tables(	o, n, name, f, x)
{
	print "\nWhat a user of VMAs sees, ns, the fastest of 100 batches; UML, one CPU."
	print "again: the same kernel once more; series, goal 1.03; aligned as above; all to base, in kernels of"
	print "their own. k...: as a function call in the kernel, without UML's way into it."
	print "getpid: a system call that does nothing. entries: VMAs of the process.\n"
	printf "%-8s %8s |%9s | %-18s | %-18s %-6s | %-18s\n", "", "entries", "base, ns", "again", "series", "", "aligned"
	n = split("getpid 10,kmmap 10,kmmap 1000,kmmap 30000,ksplit 10,ksplit 1000,ksplit 30000,kmerge 10,kmerge 1000,kmerge 30000," \
		  "mmap 10,mmap 1000,mmap 30000,split 10,split 1000,split 30000,merge 10,merge 1000,merge 30000," \
		  "fork 10,fork 1000,fork 30000,exec 10", name, ",")
	for (o = 1; o <= n; o++) {
		split(name[o], f, " ")
		printf "%-8s %8d |%9d | ", f[1], f[2], time("base", name[o])
		x = ratio("again", name[o], "base", name[o])
		printf "%-18s | ", spread(x)
		time("series", name[o])
		x = ratio("series", name[o], "base", name[o])
		printf "%-18s %-6s | ", spread(x), verdict(x, 1.03)
		x = ratio("series-64", name[o], "base-64", name[o])
		printf "%-18s\n", spread(x)
	}
}

function readers_tables(	w, s, n, way, size, k, x, base)
{
	print "\nOne reader beside one writer, each on a CPU of its own, user space, -O2, liburcu. The writer maps"
	print "and unmaps all the time; the reader looks up any address. Millions of lookups per second, medians"
	print "of one second each, and thousands of changes. maple: RCU mode, the reader takes no lock. The others:"
	print "an interval tree under a lock of glibc. With its read-write lock both get next to nothing, which says"
	print "little of one in a kernel. ratio: maple to this.\n"
	if (slow_rcu)
		missing["sys_membarrier(): rcu_read_lock() is slower than in a kernel"]
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
	print "\nInstructions per store with an external lock, and to base, after each part of the series"
	print "(callgrind, tools/testing/radix-tree, -O2); goal 1.01 for each type.\n"
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
	printf "%-16s %8d", "all of them", all_stores
	for (c = 1; c <= ncommits; c++)
		printf " %8.1f (%5.3f)", sum[commits[c]] / all_stores, sum[commits[c]] / sum[commits[1]]
	print ""
}

# user_time(), user_ratio(): as ns() and ratio(), for @op and @n of a user
function user_time(user, way,	r, list, k)
{
	k = op " " user " " way " " n
	if (!user_got[k])
		missing[k]
	for (r = 1; r <= user_got[k]; r++)
		list = list " " user_ns[k, r]
	return median(list)
}

function user_ratio(user, way,	r, list, k, to)
{
	k = op " " user " " way " " n
	to = op " " user " rb " n
	for (r = 1; r <= user_got[k]; r++)
		if (user_ns[to, r] > 0)
			list = list " " user_ns[k, r] / user_ns[to, r]
	return median(list)
}

function heading(first, nway, way,	i)
{
	printf "\n%-10s %8s |", first, "mappings"
	for (i = 1; i <= nway; i++)
		printf i == 1 ? " %10s" : " | %14s %6s", way[i], "ratio"
	print ""
}

# user_tables(): @ways: the first is what there is today
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
			# In the rb-tree, the index is a part of the object.
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
	print "\nThe two users who asked for it, UML, native speed, one CPU: what they use today (rb), and maple"
	print "trees with the internal lock, mas_preallocate() outside of it, mas_store_prealloc() under it."
	print "ns per operation, or for walk per mapping; bytes per mapping; ratio: to rb."
	print "  map, unmap    with the allocation of the objects and of the nodes; an unmap looks up what is there"
	print "  remap         a map that hits others, and splits them or takes them away; also 10 % of the maps"
	print "  lookup, hit   of a random address; of a random one in a mapping; in RCU mode without the lock"
	print "  RCU           readers need no lock, and objects are given back after a grace period"
	print "  walk          all mappings in order (rb: by the list)"
	print "  prepare       what map does before it takes the lock, and dropped again"
	print "  index         rb_node, list_head, maximum in the subtree, and objects of free ranges; maple nodes"
	print "  object        what the user has besides: the objects of struct drm_gpuva and vmap_area less these"
	print "UML has its memory in pages of 4 KiB, a kernel has a direct map of large ones: where the trees are"
	print "larger than the caches, TLB misses make each node that is touched dearer than it is there, and an"
	print "rb-tree touches more of them. One CPU: nobody waits for a lock, so RCU mode shows what it costs only."
	print "Where the maple tree loses: a map and an unmap in a small tree, all of which is in the caches. They"
	print "walk twice, to look what is there and to store, and a store copies a node of 256 bytes, in RCU mode"
	print "to another one, which is freed after a grace period; the rb-tree sets a few pointers. And the walk"
	print "of a small tree: a function call for each mapping, where the list has one load."
	print "\nGPU VA manager (today: interval tree and list, one lock)"
	user_tables("gpu", "map unmap remap lookup hit walk prepare", "rb regular regular,RCU allocation,RCU")
	print "\nAllocator of ranges, lowest that is large enough (today: a tree and a list of what is in use, and"
	print "of what is free with the maximum in the subtree, two locks)"
	user_tables("range", "map unmap lookup hit walk prepare", "rb allocation allocation,RCU")
	if (held == "")
		missing["memory of a reservation"]
	printf "\nA reservation that is pending holds %d bytes (maple tree), and none but the objects (rb).\n", median(held)
	printf "With kmalloc() a GPU object takes %d bytes (rb), or %d (maple tree, besides the nodes).\n",
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
			printf "\nlib/maple_tree.o, x86-64, defconfig, base and series (scripts/bloat-o-meter):\n%s", size
		printf "\n%d goals have been missed.\n", missed
	}
	for (k in missing) {
		print "not measured: " k
		bad = 1
	}
	exit bad
}
