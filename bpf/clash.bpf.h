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

static __always_inline void ctflow_merge(struct ctflow_direction *to,
					 const struct ctflow_direction *from)
{
	bool first = from->first && (!to->first || from->first < to->first);
	__u8 difference;

	__sync_fetch_and_add(&to->packets, from->packets);
	__sync_fetch_and_add(&to->octets, from->octets);
	__sync_fetch_and_add(&to->icmp_errors, from->icmp_errors);
	if (!from->first)
		return;

	if (from->has_iif) {
		__u32 iif = to->iif;
		bool known = to->has_iif;

		ctflow_set_iif(to, from->iif);
		if (known && first && iif != from->iif)
			to->iif = from->iif;
	}
	if (from->has_oif) {
		__u32 oif = to->oif;
		bool known = to->has_oif;

		ctflow_set_oif(to, from->oif);
		if (known && first && oif != from->oif)
			to->oif = from->oif;
	}
	if (!to->first) {
		to->tos = from->tos;
		to->ttl_min = from->ttl_min;
		to->ttl_max = from->ttl_max;
		to->length_min = from->length_min;
		to->length_max = from->length_max;
	}
	difference = to->tos ^ from->tos;
	if (difference)
		to->changed |= (difference & ~3 ? CTFLOW_DSCP_CHANGED : 0) |
			       (difference & 3 ? CTFLOW_ECN_CHANGED : 0);
	if (first) {
		to->first = from->first;
		to->tos = from->tos;
	}
	if (from->last > to->last)
		to->last = from->last;
	if (from->ttl_min < to->ttl_min)
		to->ttl_min = from->ttl_min;
	if (from->ttl_max > to->ttl_max)
		to->ttl_max = from->ttl_max;
	if (from->length_min < to->length_min)
		to->length_min = from->length_min;
	if (from->length_max > to->length_max)
		to->length_max = from->length_max;
	if (from->tcp_flags)
		ctflow_add_tcp_flags(to, from->tcp_flags);
}

#endif
