/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs of ctflow_tracing.bpf.c remember besides connections: of each processor, of tasks
 * that remove entries, of packets that were counted early.
 */
#ifndef CTFLOWD_BPF_TRACING_STATE_H
#define CTFLOWD_BPF_TRACING_STATE_H

#include "clash.bpf.h"

#include <bpf/bpf_tracing.h>

/* What one CPU is about. Written without a lock: who reads compares what identifies it. */
struct cpu_state {
	/* The last packet that conntrack has looked up, and the egress interface that its direction
	 * has: most packets leave through the same, which then need no second look-up. */
	__u64 skb;
	__u64 nfct;
	__u32 oif;
	__u32 has_oif;
	/* The entry that is about to come to the table, and its packet. */
	__u64 confirm_skb;
	__u64 confirm_ct;
	__u64 loser_kept;
	/* A packet of the reply direction that old kernels give the winner's entry as one of the
	 * original direction, until it leaves. */
	__u64 mirrored_skb;
	/* The task on whose stack early_drop() runs, and the entry that nf_ct_kill_acct() removes. */
	__u64 early_drop;
	__u64 killed;
	/* Not 0 while tracked() or removed() runs. The kernel skips a program that is interrupted by
	 * itself, and another one of ours, which it does not skip, then does what was missed. */
	volatile __u32 tracking;
	volatile __u32 removing;
};

/* How often that was done, on all processors. */
__u64 late_packets = 0;
__u64 late_ends = 0;

/* In has_oif: the packet's connection is not measured. */
#define NOT_MEASURED 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the loader takes the number of possible processors */
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

static __always_inline struct cpu_state *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpu_states, &cpu);
}

/* Tasks that remove entries for another reason than a packet, by address. */
enum removal {
	REMOVAL_CLEANUP = 1,
	REMOVAL_PERIODIC = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32);
} removing_tasks SEC(".maps");

/* Packets that act_ct or Open vSwitch had tracked, each with its entry, until the stack's conntrack
 * sees them and leaves them alone. It does the same with those for which act_ct has asked its own
 * table of flows instead: these have not been counted yet. What is left of packets that never come
 * to the stack is overwritten or evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} tracked_early SEC(".maps");

/* There has been one. */
volatile __u64 tracks_early = 0;

#endif
