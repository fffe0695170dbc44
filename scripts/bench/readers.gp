# SPDX-License-Identifier: GPL-2.0
# Plots lookups per second beside a writer against the number of mappings: reads the file
# `data', which tables.awk has written, and writes SVG to stdout.
set terminal svg size 620,420 font 'sans,11' background '#ffffff'
set title 'User space, two CPUs: one reader beside one writer; median, minimum and maximum'
set datafile missing NaN
set logscale xy
set xrange [500:1000000]
set xtics ('1,000' 1000, '100,000' 100000, '500,000' 500000)
set xlabel 'mappings'
set ylabel 'million lookups per second'
set key below
ways = 'maple rb-spinlock rb-mutex rb-rwlock'
names = "'maple tree, RCU' 'interval tree, spinlock' 'interval tree, mutex' 'interval tree, read-write lock'"
plot for [i=1:4] data using 2:(strcol(1) eq word(ways, i) ? $3 : NaN):4:5 \
	with yerrorlines pt 7 ps 0.4 title word(names, i)
