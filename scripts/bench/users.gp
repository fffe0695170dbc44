# SPDX-License-Identifier: GPL-2.0
# Plots time and memory of the two users against the number of mappings: reads the file `data',
# which tables.awk has written, and writes SVG to stdout.
set terminal svg size 1180,600 font 'sans,11' background '#ffffff'
set multiplot layout 2,5 title 'UML, one CPU: median, minimum and maximum of the rounds'
# The rows of other lines give NaN; as missing data, they do not break a line.
set datafile missing NaN
set logscale xy
set xrange [500:1000000]
set xtics ('1,000' 1000, '100,000' 100000, '500,000' 500000) rotate by 30 right
set xlabel 'mappings'
do for [user in 'gpu range'] {
	maple = user eq 'gpu' ? 'regular' : 'allocation'
	name = user eq 'gpu' ? 'GPU VA: ' : 'ranges: '
	do for [op in 'map unmap lookup walk index'] {
		set title name.op.(op eq 'index' ? ', bytes' : ', ns')
		# One key per row of plots is enough.
		if (op eq 'index') { set key bottom left Left reverse samplen 1 font ',9' } else { unset key }
		plot for [way in 'rb '.maple.' '.maple.',RCU'] data \
			using 4:(strcol(1) eq user && strcol(2) eq op && strcol(3) eq way ? $5 : NaN):6:7 \
			with yerrorlines pt 7 ps 0.4 title way
	}
}
unset multiplot
