/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that come to the table: which of two it was, and a record where one is wanted.
 */
#ifndef CTFLOWD_BPF_TRACING_CREATION_H
#define CTFLOWD_BPF_TRACING_CREATION_H

#include "tracing_packets.bpf.h"

static __always_inline int about_to_confirm(const struct sk_buff *skb)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu) {
		cpu->confirm_skb = (__u64)skb;
		cpu->confirm_ct = skb->_nfct & ~NFCT_INFO_MASK;
		cpu->loser_kept = 0;
	}
	return 0;
}

SEC("fentry/__nf_conntrack_confirm")
int BPF_PROG(confirm, struct sk_buff *skb)
{
	return about_to_confirm(skb);
}

/* Returns in which direction of the winner the loser's packet went. */
static __always_inline int merge_loser(const struct nf_conn *winner)
{
	__u64 key = (__u64)winner;
	__u32 zero = 0;
	struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
	const struct ctflow_loser *loser = bpf_map_lookup_elem(&losers, &zero);

	if (!connection || !loser)
		return 0;
	if (ctflow_side_of_loser(loser, winner)) {
		ctflow_merge(&connection->measured.direction[1], &loser->direction);
		return 1;
	}
	ctflow_merge(&connection->measured.direction[0], &loser->direction);
	return 0;
}

static __always_inline void record_creation(const struct nf_conn *ct)
{
	__u64 key = (__u64)ct;
	const struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
	struct ctflow_record *record;
	__u64 netns;

	if (connection) {
		if (!connection->created)
			return;
		netns = connection->netns;
	} else {
		const struct ctflow_watch *watch;

		netns = ctflow_netns(ct, false);
		watch = bpf_map_lookup_elem(&watched, &netns);
		if (!watch || !watch->created)
			return;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		ctflow_lost(netns, CTFLOW_LOST_CREATED);
		return;
	}
	ctflow_fill(record, ct, false, CTFLOW_CREATED, netns, connection);
	bpf_ringbuf_submit(record, 0);
}

SEC("fexit/__nf_conntrack_confirm")
int BPF_PROG(confirmed, struct sk_buff *skb, int verdict)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key;

	if (!cpu || verdict != NF_ACCEPT || cpu->confirm_skb != (__u64)skb)
		return 0;
	cpu->confirm_skb = 0;
	key = skb->_nfct & ~NFCT_INFO_MASK;
	if (!key)
		return 0;
	if (key == cpu->confirm_ct)
		record_creation((const struct nf_conn *)key);
	else if (cpu->loser_kept)
		merge_loser((const struct nf_conn *)key);
	return 0;
}

/* A packet comes back from a queue to user space. If another one has made the entry meanwhile, it is
 * here that old kernels give it that of the other. */
SEC("fentry/nf_conntrack_update")
int BPF_PROG(update, struct net *net, struct sk_buff *skb)
{
	return about_to_confirm(skb);
}

SEC("fexit/nf_conntrack_update")
int BPF_PROG(updated, struct net *net, struct sk_buff *skb)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key = skb->_nfct & ~NFCT_INFO_MASK;

	if (!cpu || cpu->confirm_skb != (__u64)skb)
		return 0;
	cpu->confirm_skb = 0;
	if (key && key != cpu->confirm_ct && cpu->loser_kept &&
	    merge_loser((const struct nf_conn *)key) == 1 &&
	    (skb->_nfct & NFCT_INFO_MASK) < IP_CT_IS_REPLY) {
		cpu->mirrored_skb = (__u64)skb;
		cpu->skb = 0; /* what is known of it is of the other direction */
	}
	return 0;
}

/* A process has made an entry through ctnetlink. */
SEC("fexit/nf_conntrack_hash_check_insert")
int BPF_PROG(inserted, struct nf_conn *ct, int error)
{
	if (!error) {
		begin((__u64)ct, ctflow_now());
		record_creation(ct);
	}
	return 0;
}

#endif
