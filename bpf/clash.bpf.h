/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two packets of one connection that come at the same time get an entry each, and the one that
 * comes to the table second is dropped for the first: its packet goes on with the winner's entry.
 * What was measured of it is added there.
 */
#ifndef CTFLOWD_BPF_CLASH_H
#define CTFLOWD_BPF_CLASH_H

#include "record.bpf.h"

/* The entry that lost, from its destruction until its packet has its new entry. */
struct ctflow_loser {
	struct ctflow_direction direction;
	struct ctflow_tuple tuple;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctflow_loser);
} losers SEC(".maps");

static __always_inline bool ctflow_same_tuple(const struct ctflow_tuple *a,
					      const struct ctflow_tuple *b)
{
#pragma unroll
	for (int i = 0; i < (int)(sizeof(*a) / 4); i++)
		if (((const __u32 *)a)[i] != ((const __u32 *)b)[i])
			return false;
	return true;
}

/* Both ends may have sent first: then the winner has the loser's packet in its reply direction. */
static __always_inline int ctflow_side_of_loser(const struct ctflow_loser *loser,
						const struct nf_conn *winner)
{
	struct ctflow_tuple tuple;

	ctflow_fill_tuple(&tuple, winner, 0);
	if (ctflow_same_tuple(&tuple, &loser->tuple))
		return 0;
	ctflow_fill_tuple(&tuple, winner, 1);
	return ctflow_same_tuple(&tuple, &loser->tuple) ? 1 : 0;
}

#endif
