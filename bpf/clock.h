/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far CLOCK_MONOTONIC is ahead of jiffies, counted in nanoseconds. Pure: the tests compile it,
 * too.
 */
#ifndef CTFLOWD_BPF_CLOCK_H
#define CTFLOWD_BPF_CLOCK_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct ctflow_clock {
	__s64 offset;	   /* the distance; 0: not known yet */
	__s64 more;	   /* the least of the larger distances that were read since */
	__u64 more_since;  /* CLOCK_MONOTONIC of the first of these; 0: there was none */
};

/* Ticks have got lost if the distance has been larger for so long. */
#define CTFLOW_CLOCK_LASTS 30000000000ULL

/*
 * Takes a reading of both clocks. The kernel derives jiffies from CLOCK_MONOTONIC: the distance is
 * the same all the time, and what is read is up to a tick more. It is much more while the processor
 * that counts ticks is late, as where a hypervisor has stopped it. That must not be taken for the
 * distance: times of packets would be in the future until the next reading.
 */
static inline __attribute__((always_inline)) void
ctflow_read_clock(struct ctflow_clock *clock, __u64 monotonic, __u64 jiffies, __u64 tick)
{
	__s64 offset = (__s64)(monotonic - jiffies * tick);

	if (!clock->offset || offset < clock->offset) {
		clock->offset = offset;
		clock->more_since = 0;
	} else if (offset <= clock->offset + 3 * (__s64)tick) {
		clock->more_since = 0;
	} else if (!clock->more_since) {
		clock->more = offset;
		clock->more_since = monotonic;
	} else {
		if (offset < clock->more)
			clock->more = offset;
		if (monotonic - clock->more_since >= CTFLOW_CLOCK_LASTS) {
			clock->offset = clock->more;
			clock->more_since = 0;
		}
	}
}

#endif
