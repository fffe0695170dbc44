# SPDX-License-Identifier: GPL-2.0
# Tables of medians and ratios from bench.sh's results, lines of name=value. Ends with
# status 1 when something has not been measured. -v rounds=N -v plot=FILE

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
	if ("op" in f) {
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

END {
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
	if (missed)
		print "Goals have been missed, see above."
	for (k in missing) {
		print "not measured: " k
		bad = 1
	}
	exit bad
}
