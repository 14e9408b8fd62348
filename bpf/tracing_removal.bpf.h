/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that go: why, and the record of the end.
 */
#ifndef CTFLOWD_BPF_TRACING_REMOVAL_H
#define CTFLOWD_BPF_TRACING_REMOVAL_H

#include "tracing_packets.bpf.h"

/* The tracker removes an entry because of a packet, before that was measured. */
static __always_inline int killed_by(struct nf_conn *ct, __u32 info, struct sk_buff *skb, bool direct)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key = (__u64)ct;
	struct ctflow_connection *connection;

	if (cpu)
		cpu->killed = key;
	if (ct->status & IPS_DYING)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	connection->closed = 1; /* the record of its end follows at once */
	measure(connection, skb, direct, key | (info & NFCT_INFO_MASK),
		ct->tuplehash[0].tuple.src.l3num, skb->skb_iif, ctflow_now());
	return 0;
}

SEC("fentry/nf_ct_kill_acct")
int BPF_PROG(killed_direct, struct nf_conn *ct, __u32 info, struct sk_buff *skb)
{
	return killed_by(ct, info, skb, true);
}

SEC("fentry/nf_ct_kill_acct")
int BPF_PROG(killed_probe, struct nf_conn *ct, __u32 info, struct sk_buff *skb)
{
	return killed_by(ct, info, skb, false);
}

SEC("fentry/early_drop")
int BPF_PROG(early_drop_begin)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu)
		cpu->early_drop = bpf_get_current_task();
	return 0;
}

SEC("fexit/early_drop")
int BPF_PROG(early_drop_end)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu)
		cpu->early_drop = 0;
	return 0;
}

static __always_inline int task_removes(__u32 why)
{
	__u64 task = bpf_get_current_task();

	bpf_map_update_elem(&removing_tasks, &task, &why, BPF_ANY);
	return 0;
}

static __always_inline int task_is_done(void)
{
	__u64 task = bpf_get_current_task();

	bpf_map_delete_elem(&removing_tasks, &task);
	return 0;
}

SEC("fentry/nf_ct_iterate_cleanup")
int BPF_PROG(cleanup_begin)
{
	return task_removes(REMOVAL_CLEANUP);
}

SEC("fexit/nf_ct_iterate_cleanup")
int BPF_PROG(cleanup_end)
{
	return task_is_done();
}

SEC("fentry/gc_worker")
int BPF_PROG(periodic_begin)
{
	return task_removes(REMOVAL_PERIODIC);
}

SEC("fexit/gc_worker")
int BPF_PROG(periodic_end)
{
	return task_is_done();
}

/* Why an entry is removed, as the patch series gives it. */
static __always_inline __u8 reason_of(const struct nf_conn *ct, const struct ctflow_record *record)
{
	bool expired = record->timeout <= 0;
	bool tcp = record->tuple[0].protocol == IPPROTO_TCP;
	const struct cpu_state *cpu = this_cpu();
	__u64 task;

	if (record->port_id)
		return NF_CT_FLOW_REASON_NETLINK;
	task = bpf_get_current_task();
	if (!expired) {
		const __u32 *why = bpf_map_lookup_elem(&removing_tasks, &task);
		bool killed = cpu && cpu->killed == (__u64)ct;

		if ((cpu && cpu->early_drop == task) || (why && *why == REMOVAL_PERIODIC))
			return NF_CT_FLOW_REASON_EARLY_DROP;
		/* Only the tracker removes these, unless an interface or a namespace goes. */
		if (tcp && !why && !killed && record->state >= TCP_CONNTRACK_TIME_WAIT)
			return NF_CT_FLOW_REASON_TCP_REOPEN;
	}
	if (tcp && record->state == TCP_CONNTRACK_TIME_WAIT)
		return NF_CT_FLOW_REASON_TCP_CLOSE;
	if (tcp && record->state == TCP_CONNTRACK_CLOSE)
		return NF_CT_FLOW_REASON_TCP_RESET;
	return expired ? NF_CT_FLOW_REASON_TIMEOUT : NF_CT_FLOW_REASON_OTHER;
}

static __always_inline int record_end(struct nf_conn *ct, __u32 port_id)
{
	__u64 key = (__u64)ct;
	__u64 netns;
	struct ctflow_connection *connection;
	struct ctflow_record *record;

	if (ct->status & IPS_DYING)
		return 0; /* somebody else was first */

	connection = bpf_map_lookup_elem(&connections, &key);
	netns = connection ? connection->netns : ctflow_netns(ct, true);
	if (!bpf_map_lookup_elem(&watched, &netns)) {
		if (connection)
			bpf_map_delete_elem(&connections, &key);
		return 0;
	}

	/* Two may come here at once: the one that takes it out of the map reports it. Where the map
	 * is busy both do: an end that comes twice is known again, one that never comes is lost. */
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		if (!connection || bpf_map_delete_elem(&connections, &key) != -CTFLOW_ENOENT)
			ctflow_lost(netns, CTFLOW_LOST_ENDED);
		return 0;
	}
	ctflow_fill(record, ct, true, CTFLOW_ENDED, netns, connection);
	record->port_id = port_id;
	record->reason = reason_of(ct, record);
	if (connection && bpf_map_delete_elem(&connections, &key) == -CTFLOW_ENOENT)
		bpf_ringbuf_discard(record, 0);
	else
		bpf_ringbuf_submit(record, 0);
	return 0;
}

/* The next entry may get the memory of this one. */
static __always_inline void forget_killed(struct cpu_state *cpu, const struct nf_conn *ct)
{
	if (cpu->killed == (__u64)ct)
		cpu->killed = 0;
}

SEC("fentry/nf_ct_delete")
int BPF_PROG(removed, struct nf_conn *ct, __u32 port_id, int report)
{
	struct cpu_state *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->removing = 1;
	record_end(ct, port_id);
	cpu->removing = 0;
	forget_killed(cpu, ct);
	return 0;
}

/* An entry is removed while removed() is interrupted: a packet found it expired, or took its place
 * in a full table, or opened the connection again. */
SEC("fentry/nf_ct_delete")
int BPF_PROG(removed_meanwhile, struct nf_conn *ct, __u32 port_id, int report)
{
	struct cpu_state *cpu = this_cpu();

	if (!cpu || !cpu->removing)
		return 0;
	record_end(ct, port_id);
	forget_killed(cpu, ct);
	__sync_fetch_and_add(&late_ends, 1);
	return 0;
}

/* Entries that never came to the table do not pass nf_ct_delete(). */
static __always_inline int forget_unconfirmed(struct nf_conntrack *nfct)
{
	const struct nf_conn *ct = (const struct nf_conn *)nfct;
	__u64 key = (__u64)nfct;
	unsigned long status = BPF_CORE_READ(ct, status);
	struct cpu_state *cpu;

	if (status & (IPS_CONFIRMED | IPS_TEMPLATE))
		return 0;

	cpu = this_cpu();
	if (cpu && cpu->confirm_skb && cpu->confirm_ct == key) {
		const struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
		__u32 zero = 0;
		struct ctflow_loser *loser = bpf_map_lookup_elem(&losers, &zero);

		if (connection && loser) {
			loser->direction = connection->measured.direction[0];
			ctflow_fill_tuple(&loser->tuple, ct, 0);
			cpu->loser_kept = 1;
		}
	}
	bpf_map_delete_elem(&connections, &key);
	return 0;
}

SEC("fentry/nf_ct_destroy")
int BPF_PROG(freed, struct nf_conntrack *nfct)
{
	return forget_unconfirmed(nfct);
}

SEC("fentry/destroy_conntrack") /* before 5.17 */
int BPF_PROG(freed_old, struct nf_conntrack *nfct)
{
	return forget_unconfirmed(nfct);
}

#endif
