# SPDX-License-Identifier: GPL-2.0
# Tables of medians and ratios from bench.sh's results, lines of name=value. Ends with
# status 1 when something has not been measured. -v part=stores|users -v rounds=N -v plot=FILE

function median(list,	v, n, i, j, t)
{
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return n ? v[int((n + 1) / 2)] + 0 : 0
}

# ns(): the median of all rounds; ratio(): of the ratios within each of them
function ns(kernel, path,	r, list)
{
	for (r = 1; r <= rounds; r++)
		list = list " " result(kernel, path, r)
	return median(list)
}

function ratio(kernel, path, to,	r, list, x)
{
	for (r = 1; r <= rounds; r++)
		if ((x = result(kernel, to, r)) > 0)
			list = list " " result(kernel, path, r) / x
	return median(list)
}

function result(kernel, path, r,	k)
{
	k = machine " " op " " (path == "rb" ? "rb" : tree) " " n " " mode " " kernel " " path
	if (got[k] < r) {
		missing[k]
		return 0
	}
	return value[k, r]
}

function verdict(x, goal)
{
	if (x <= goal)
		return "ok"
	missed = 1
	return "missed"
}

{
	delete f
	for (i = 1; i <= NF; i++) {
		eq = index($i, "=")
		f[eq ? substr($i, 1, eq - 1) : $i] = substr($i, eq + 1)
	}
	if ("user" in f) {
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
	} else if ("op" in f) {
		k = f["machine"] " " f["op"] " " f["tree"] " " f["n"] " " f["mode"] " " f["kernel"] " " f["path"]
		value[k, ++got[k]] = f["ns"]
	} else if ("pending" in f) {
		k = f["kernel"] " " f["path"]
		pending[k] = pending[k] " " f["bytes"] / f["pending"]
		nodes[k] = f["nodes"]
		capacity[f["kernel"]] = f["capacity"]
	} else if ("idle" in f) {
		idle[f["kernel"]] = idle[f["kernel"]] " " f["bytes"]
	} else if ("type" in f) {
		instructions[f["commit"], f["type"]] = f["instructions"]
		sum[f["commit"]] += f["instructions"]
		stores[f["type"]] = f["stores"]
	}
}

# table of times: one line per op, tree and size; other kernels: internal / exact
function times(others, sizes, modes,	o, s, m, t, a, b, c, nops, ntrees, nsizes, nmodes, nothers, i, x)
{
	nops = split("store overwrite reserve", ops, " ")
	ntrees = split("allocation,RCU regular", trees, " ")
	nsizes = split(sizes, size, " ")
	nmodes = split(modes, allmodes, " ")
	nothers = split(others, other, " ")
	printf "\n%-9s %-14s %-6s %8s |%8s %8s %6s |%8s %6s %-6s |%8s %8s |", "", "tree", "trees", "entries",
		"base", "exact", "ratio", "internal", "ratio", "", "gfp", "rb"
	for (i = 1; i <= nothers; i++)
		printf " %8s", other[i]
	print ""
	for (o = 1; o <= nops; o++) for (t = 1; t <= ntrees; t++) for (m = 1; m <= nmodes; m++) for (s = 1; s <= nsizes; s++) {
		op = ops[o]; tree = trees[t]; n = size[s]; mode = allmodes[m]
		a = ns("base", "exact")
		b = ns("series", "exact")
		c = ns("series", "internal")
		x = ratio("series", "internal", "exact")
		printf "%-9s %-14s %-6s %8d |%8.1f %8.1f %6.2f |%8.1f %6.2f %-6s |%8s %8.1f |", op, tree, mode, n,
			a, b, a ? b / a : 0, c, x, verdict(x, 1.10),
			op == "reserve" ? "" : sprintf("%.1f", ns("series", "gfp")), ns("series", "rb")
		for (i = 1; i <= nothers; i++)
			printf " %8.2f", ratio(other[i], "internal", "exact")
		print ""
		if (op == "store" && mode == "alone")
			print tree, n, b, c, ns("series", "gfp"), ns("series", "rb") >plot
	}
}

# user_time(), user_ratio(): as ns() and ratio(), for @op and @n of a user
function user_time(user, way,	r, list, k)
{
	k = op " " user " " way " " n
	if (user_got[k] < rounds)
		missing[k]
	for (r = 1; r <= user_got[k]; r++)
		list = list " " user_ns[k, r]
	return median(list)
}

function user_ratio(user, way,	r, list, k, to)
{
	k = op " " user " " way " " n
	to = op " " user " rb " n
	for (r = 1; r <= rounds; r++)
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
			printf w == 1 ? " %10.1f" : " | %14.1f %6.2f", x, user_ratio(user, way[w])
			print user, op, way[w], n, x >plot
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
				print user, "index", way[w], n, x >plot
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

function stores_tables()
{
	print "\nNanoseconds per store, medians. In the same kernel, on the same tree:"
	print "  base, exact   external lock, mas_preallocate() and mas_store_prealloc() under it; base is without"
	print "                the series"
	print "  internal      internal lock, mas_preallocate() outside of it; ratio: to exact, goal 1.10"
	print "  gfp           internal lock, mas_store_gfp()"
	print "  rb            rb-tree, node allocated outside of the lock"
	print "  64/32 ...     internal to exact with other numbers: nodes reserved / sheaf_capacity"
	print "store: a new range, and NULL there again; overwrite: an entry in exactly its range;"
	print "reserve: mas_preallocate() and mas_destroy(), nothing stored."
	print "\nUML, native speed, one CPU:"
	machine = "um"
	times("64/32 94/32 64/64 64/96 64/124", "10 1000 100000 1000000", "alone")
	print "\nx86-64, two CPUs at once, emulated (qemu tcg): only the ratios mean something."
	print "own: each on a tree of its own; shared: both on one tree."
	machine = "x86_64"
	times("64/32 64/64 64/96 64/124", "10 1000 100000", "own shared")

	print "\nInstructions with an external lock (callgrind, tools/testing/radix-tree, -O2), goal 1.01:\n"
	printf "%-16s %8s %12s %12s %8s %8s %7s\n", "", "stores", "base", "series", "a store", "series", "ratio"
	ntypes = split("new_root store_root exact_fit append slot_store node_store split_store rebalance spanning_store", type, " ")
	for (i = 1; i <= ntypes; i++) {
		t = type[i]
		a = instructions["base", t]
		b = instructions["series", t]
		if (!a || !b || !stores[t]) {
			missing["instructions " t]
			continue
		}
		all += stores[t]
		printf "%-16s %8d %12d %12d %8d %8d %7.4f\n", t, stores[t], a, b, a / stores[t], b / stores[t], b / a
	}
	if (all)
		printf "%-16s %8d %12d %12d %8d %8d %7.4f %s\n", "all of them", all, sum["base"], sum["series"],
			sum["base"] / all, sum["series"] / all, sum["series"] / sum["base"],
			verdict(sum["series"] / sum["base"], 1.01)

	print "\nMemory. A reservation that is pending: the nodes that it holds, and bytes, measured with 1000 of"
	print "them. Idle: what the sheaves of one CPU and one node hold after the largest tree, measured"
	print "(kmem_cache_shrink()), and at most (mm/slub.c: main, spare and rcu_free per CPU; 10 full ones"
	print "in the node's barn).\n"
	printf "%-10s %9s %6s |%9s %9s |%10s %12s %12s\n", "", "capacity", "holds", "exact", "internal", "idle", "most per CPU", "per node"
	nkernels = split("base series 64/32 94/32 64/64 64/96 64/124", kernel, " ")
	for (i = 1; i <= nkernels; i++) {
		k = kernel[i]
		if (!(k in idle) || (k != "base" && !((k " internal") in pending))) {
			missing["memory " k]
			continue
		}
		printf "%-10s %9d %6s |%9.0f %9s |%10d %12d %12d\n", k, capacity[k],
			k == "base" ? "" : nodes[k " internal"], median(pending[k " exact"]),
			k == "base" ? "" : sprintf("%.0f", median(pending[k " internal"])), median(idle[k]),
			3 * capacity[k] * 256, 10 * capacity[k] * 256
	}
	# A sheaf of the cache may hold more than was asked for, an oversize one does not.
	n = nodes["64/32 internal"]
	printf "\nNodes that a reservation asks for (what it holds in 64/32): %d, at most 64 %s.\n", n, verdict(n, 64)
}

END {
	if (part == "stores")
		stores_tables()
	else
		users()
	if (missed)
		print "\nGoals have been missed, see above."
	for (k in missing) {
		print "not measured: " k
		bad = 1
	}
	exit bad
}
