# SPDX-License-Identifier: GPL-2.0
# Plots ns per store against the size of the tree: reads the file `data', which tables.awk has written,
# and writes SVG to stdout.
set terminal svg size 900,420 font 'sans,11' background '#ffffff'
set multiplot layout 1,2 title 'UML, one CPU: median, minimum and maximum of the rounds'
set datafile missing NaN
set logscale xy
set xrange [5:2000000]
set xtics ('10' 10, '1,000' 1000, '100,000' 100000, '1,000,000' 1000000)
set xlabel 'entries'
set ylabel 'ns per store'
set key below maxrows 3
names = "'external lock, without the series' 'external lock' 'internal lock, preallocated' ".\
	"'internal lock, mas\\_store\\_gfp()' rb-tree"
ways = 'base exact internal gfp rb'
do for [kind in 'allocation,RCU regular'] {
	set title kind.' tree, store of a new range'
	plot for [i=1:5] data using \
		3:(strcol(1) eq kind && strcol(2) eq word(ways, i) ? $4 : NaN):5:6 \
		with yerrorlines pt 7 ps 0.4 title word(names, i)
}
unset multiplot
