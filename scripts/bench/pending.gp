# SPDX-License-Identifier: GPL-2.0
# Plots ns per store under the lock against the number of pending reservations: reads the
# file `data', which tables.awk has written, and writes SVG to stdout.
set terminal svg size 900,420 font 'sans,11' background '#ffffff'
set multiplot layout 1,2 title 'UML, one CPU: median, minimum and maximum of the rounds; '.\
	'allocation tree in RCU mode, 100,000 entries'
set datafile missing NaN
set logscale xy
set xrange [0.7:1500]
set xtics (1, 8, 16, 64, 512, 1024)
set xlabel 'pending reservations'
set ylabel 'ns per store, under the lock'
set key below maxrows 2
ways = 'reserve internal rb'
names = "'mas\\_reserve()' 'mas\\_preallocate()' rb-tree"
do for [op in 'store overwrite'] {
	set title (op eq 'store' ? 'new range' : 'exact fit')
	plot for [i=1:3] data using \
		3:(strcol(1) eq op && strcol(2) eq word(ways, i) ? $4 : NaN):5:6 \
		with yerrorlines pt 7 ps 0.4 title word(names, i)
}
unset multiplot
