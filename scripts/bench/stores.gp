# SPDX-License-Identifier: GPL-2.0
# ns per store by size of the tree, from the file `data' of tables.awk, as SVG on stdout.
set terminal svg size 900,380 font 'sans,11' background '#ffffff'
set multiplot layout 1,2
set logscale x
set format x '10^{%L}'
set xlabel 'entries'
set ylabel 'ns per store'
set yrange [0:*]
set key below
do for [kind in 'allocation,RCU regular'] {
	set title kind.' tree, store of a new range'
	plot data using 2:(strcol(1) eq kind ? $3 : NaN) with linespoints title 'external lock', \
	     data using 2:(strcol(1) eq kind ? $4 : NaN) with linespoints title 'internal lock, preallocated', \
	     data using 2:(strcol(1) eq kind ? $5 : NaN) with linespoints title 'internal lock, mas\_store\_gfp()', \
	     data using 2:(strcol(1) eq kind ? $6 : NaN) with linespoints title 'rb-tree'
}
unset multiplot
