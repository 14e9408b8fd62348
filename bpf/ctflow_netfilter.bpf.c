// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures connections with programs at netfilter's hooks (6.4), for one network namespace:
 * ctflow_early() just after conntrack, ctflow_late() just before it confirms new connections. No
 * tracing is needed, but packets that a flowtable forwards pass neither, and nothing is called when
 * a connection ends: the daemon takes its entry out once it has read the end.
 *
 * A connection gets its entry when its first packet has survived the ruleset: what is dropped costs
 * no room. Connections that began before are not measured.
 */
#include "netfilter_begin.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("netfilter")
int ctflow_early(struct bpf_nf_ctx *ctx)
{
	const struct nf_hook_state *state = ctx->state;
	const struct sk_buff *skb = ctx->skb;
	const struct net_device *in = state->in;
	unsigned long connection = skb->_nfct & ~NFCT_INFO_MASK;
	__u32 info = skb->_nfct & NFCT_INFO_MASK;
	struct ctflow_under_way *passing;
	struct ctflow_direction *direction;
	struct ctflow_nf_entry *entry = 0;
	struct ctflow_packet packet;
	__u32 zero = 0, status, iif;
	bool fresh;

	if (!connection || info == IP_CT_UNTRACKED || is_second_pass(skb, in))
		return NF_ACCEPT;
	if (state->hook == NF_INET_LOCAL_OUT && is_sent_again(skb, state->out))
		return NF_ACCEPT;
	status = load32(connection + layout.status);
	if (status & IPS_TEMPLATE)
		return NF_ACCEPT;
	passing = bpf_map_lookup_elem(&under_way, &zero);
	if (!passing)
		return NF_ACCEPT;
	fresh = !(status & IPS_CONFIRMED);
	if (fresh) {
		if (info >= IP_CT_IS_REPLY)
			return NF_ACCEPT;
	} else {
		entry = find(connection);
		if (!entry)
			return NF_ACCEPT;
		if (entry->offloaded)
			return NF_ACCEPT;
		/* Conntrack has counted this packet already: it is the last one that is measured. */
		if (status & (IPS_OFFLOAD | IPS_OFFLOAD << 1))
			give_up(entry, connection);
	}

	iif = in ? in->ifindex : 0;
	ctflow_parse(skb, true, 0, state->pf, &packet);
	if (fresh) {
		keep_first(passing, skb, connection, &packet, iif);
		return NF_ACCEPT;
	}
	direction = &entry->measured.direction[info >= IP_CT_IS_REPLY];
	if (ctflow_is_icmp_error(info, &packet)) {
		ctflow_count_icmp_error(direction, &packet);
		return NF_ACCEPT;
	}
	ctflow_count(direction, &packet, ctflow_now());
	ctflow_set_iif(direction, iif);
	if (direction->has_oif && !passing->taken) {
		passing->taken = 1;
		set_aside(passing, connection);
		passing->skb = (__u64)skb;
		passing->owner = connection;
		passing->oif = direction->oif;
		passing->taken = 0;
	} else {
		/* The packet before may have had the same memory, and be of this connection, too. */
		passing->skb = 0;
	}
	return NF_ACCEPT;
}

SEC("netfilter")
int ctflow_late(struct bpf_nf_ctx *ctx)
{
	const struct nf_hook_state *state = ctx->state;
	const struct sk_buff *skb = ctx->skb;
	unsigned long connection = skb->_nfct & ~NFCT_INFO_MASK;
	__u32 info = skb->_nfct & NFCT_INFO_MASK;
	struct ctflow_under_way *passing;
	struct ctflow_nf_entry *entry;
	__u32 zero = 0, status, oif = 0;

	if (!connection || info == IP_CT_UNTRACKED)
		return NF_ACCEPT;
	if (state->hook == NF_INET_POST_ROUTING) {
		if (!state->out || BPF_CORE_READ_BITFIELD(state->out, priv_flags) & IFF_L3MDEV_MASTER)
			return NF_ACCEPT;
		oif = state->out->ifindex;
	} else if (is_second_pass(skb, state->in)) {
		return NF_ACCEPT;
	}
	status = load32(connection + layout.status);
	if (status & IPS_TEMPLATE)
		return NF_ACCEPT;
	if (!(status & IPS_CONFIRMED)) {
		if (info < IP_CT_IS_REPLY)
			begin(ctx, connection, oif);
		return NF_ACCEPT;
	}
	if (info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY)
		return NF_ACCEPT;
	passing = bpf_map_lookup_elem(&under_way, &zero);
	if (passing && passing->skb == (__u64)skb && passing->owner == connection &&
	    passing->oif == oif && !(status & (IPS_OFFLOAD | IPS_OFFLOAD << 1)))
		return NF_ACCEPT;
	entry = find(connection);
	if (!entry || entry->offloaded)
		return NF_ACCEPT;
	ctflow_set_oif(&entry->measured.direction[info >= IP_CT_IS_REPLY], oif);
	if (status & (IPS_OFFLOAD | IPS_OFFLOAD << 1))
		give_up(entry, connection);
	return NF_ACCEPT;
}

static long sweep_one(void *map, const struct ctflow_nf_key *key, struct ctflow_nf_entry *entry,
		      void *context)
{
	if (is_there(entry->owner, key)) {
		entry->unowned = 0;
	} else if (++entry->unowned >= CTFLOW_NF_SWEEPS && !bpf_map_delete_elem(map, key)) {
		__sync_fetch_and_add(&totals.swept, 1);
	}
	return 0;
}

static long sweep_ended(void *map, const struct ctflow_nf_ended_key *key,
			struct ctflow_nf_entry *entry, void *context)
{
	/* Else the daemon has just removed and counted it. */
	if (++entry->unowned >= CTFLOW_NF_SWEEPS && !bpf_map_delete_elem(map, key))
		__sync_fetch_and_add(&totals.expired, 1);
	return 0;
}

/* To be run several times within some timer ticks before packets are measured. */
SEC("syscall")
int ctflow_clock(void *context)
{
	ctflow_set_clock();
	return 0;
}

/* Removes what belongs to connections whose end was not read: filtered, lost, or never confirmed. */
SEC("syscall")
int ctflow_sweep(void *context)
{
	ctflow_set_clock();
	bpf_for_each_map_elem(&connections, sweep_one, 0, 0);
	bpf_for_each_map_elem(&ended, sweep_ended, 0, 0);
	return 0;
}
