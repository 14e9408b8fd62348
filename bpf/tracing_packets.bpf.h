/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets: counted when conntrack has looked up their entry, their egress interface when they leave.
 */
#ifndef CTFLOWD_BPF_TRACING_PACKETS_H
#define CTFLOWD_BPF_TRACING_PACKETS_H

#include "tracing_state.bpf.h"

static const struct ctflow_connection nothing_measured;

/* A connection begins. Returns NULL if it is not to be measured, or cannot be. */
static __always_inline struct ctflow_connection *begin(__u64 key, __u64 now)
{
	const struct nf_conn *ct = (const struct nf_conn *)key;
	struct ctflow_connection *connection;
	const struct ctflow_watch *watch;
	__u64 netns = ctflow_netns(ct, false);

	watch = bpf_map_lookup_elem(&watched, &netns);
	if (!watch)
		return NULL;
	/* Overwrites what a connection has left that had the same place before: then the end of that
	 * one was missed. Where that fails, nothing must be added to what it has left. */
	if (bpf_map_update_elem(&connections, &key, &nothing_measured, BPF_ANY)) {
		bpf_map_delete_elem(&connections, &key);
		ctflow_lost(netns, CTFLOW_LOST_UNMEASURED);
		return NULL;
	}
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection) {
		ctflow_lost(netns, CTFLOW_LOST_UNMEASURED);
		return NULL;
	}
	connection->measured.reported = now;
	connection->interval = watch->interval;
	connection->created = watch->created != 0;
	connection->netns = netns;
	return connection;
}

static __always_inline bool is_vrf(const struct net_device *device)
{
	return BPF_CORE_READ_BITFIELD(device, priv_flags) & IFF_L3MDEV_MASTER;
}

/* Has a packet that was received from `in` been counted already? A local packet passes conntrack
 * again on lo, one of a VRF with the device of the VRF, a multicast one when it is looped back. */
static __always_inline bool is_received_again(const struct sk_buff *skb,
					      const struct net_device *in, __u32 iif)
{
	return iif == LOOPBACK_IFINDEX || is_vrf(in) ||
	       BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK;
}

/* The same of a packet that this host sends: one that IPVS forwards was received before, one of a
 * VRF passes with the device of the VRF as well. Not so the packet of a tunnel (IPsec, L2TP) around
 * one that was received: it has skb_iif, too, but is of another connection. */
static __always_inline bool is_sent_again(const struct sk_buff *skb, const struct net_device *out)
{
	return ctflow_is_of_ipvs(skb) || (out && is_vrf(out));
}

static __always_inline void mark_as_tracked(const struct sk_buff *skb, __u64 nfct)
{
	__u64 key = (__u64)skb;

	bpf_map_update_elem(&tracked_early, &key, &nfct, BPF_ANY);
	if (!tracks_early)
		tracks_early = 1;
}

/* Was this packet counted before it came to the stack? */
static __always_inline bool was_tracked(const struct sk_buff *skb, __u64 nfct)
{
	__u64 key = (__u64)skb;
	const __u64 *mark = bpf_map_lookup_elem(&tracked_early, &key);
	bool same = mark && *mark == nfct;

	if (mark)
		bpf_map_delete_elem(&tracked_early, &key);
	return same;
}

/* FIN from both sides, or a reset: then, and only then, the state is worth reading. */
static __always_inline void report_if_closed(struct ctflow_connection *connection,
					     const struct nf_conn *ct, __u64 now)
{
	__u16 original = connection->measured.direction[0].tcp_flags;
	__u16 reply = connection->measured.direction[1].tcp_flags;
	__u8 state;

	if (connection->closed || !(((original & reply) & 1) || ((original | reply) & 4)))
		return;
	state = BPF_CORE_READ(ct, proto.tcp.state);
	if (state != TCP_CONNTRACK_TIME_WAIT && state != TCP_CONNTRACK_CLOSE)
		return;
	connection->closed = 1;
	if (!ctflow_report(connection, ct, now))
		ctflow_lost(connection->netns, CTFLOW_LOST_REPORTED);
}

static __always_inline void count_packet(struct ctflow_connection *connection,
					 const struct nf_conn *ct, __u32 info,
					 const struct ctflow_packet *packet, __u32 iif, __u64 now)
{
	struct ctflow_direction *direction =
		&connection->measured.direction[info >= IP_CT_IS_REPLY];

	if (ctflow_is_icmp_error(info, packet)) {
		ctflow_count_icmp_error(direction, packet);
		return;
	}
	ctflow_count(direction, packet, now);
	ctflow_set_iif(direction, iif);
	if (connection->interval) {
		ctflow_report_if_due(connection, ct, now);
		if (packet->protocol == IPPROTO_TCP)
			report_if_closed(connection, ct, now);
	}
}

static __always_inline void measure(struct ctflow_connection *connection, struct sk_buff *skb,
				    bool direct, __u64 nfct, __u8 family, __u32 iif, __u64 now)
{
	struct ctflow_packet packet;

	ctflow_parse(skb, direct, 0, family, &packet);
	count_packet(connection, (const struct nf_conn *)(nfct & ~NFCT_INFO_MASK),
		     nfct & NFCT_INFO_MASK, &packet, iif, now);
}

/* Has a packet of this direction come through that interface first? */
static __always_inline bool has_iif(const struct ctflow_connection *connection, __u32 info,
				    __u32 iif)
{
	const struct ctflow_direction *direction =
		&connection->measured.direction[info >= IP_CT_IS_REPLY];

	return direction->has_iif && direction->iif == iif;
}

static __always_inline int track(struct sk_buff *skb, const struct nf_hook_state *state,
				 unsigned int verdict, bool direct, struct cpu_state *cpu)
{
	__u64 nfct = skb->_nfct;
	__u64 key = nfct & ~NFCT_INFO_MASK;
	__u32 info = nfct & NFCT_INFO_MASK;
	struct ctflow_connection *connection;
	const struct ctflow_direction *direction;
	const struct net_device *in;
	__u32 iif = 0;
	__u64 now;

	if (!key || info == IP_CT_UNTRACKED || verdict != NF_ACCEPT)
		return 0;

	connection = bpf_map_lookup_elem(&connections, &key);
	in = state->in;
	if (in) {
		iif = in->ifindex;
		/* The interface of an earlier packet was none of those. */
		if (!(connection && has_iif(connection, info, iif)) &&
		    is_received_again(skb, in, iif))
			return 0;
		/* Without a connection it is another entry, in the place of that one. */
		if (tracks_early && was_tracked(skb, nfct) && connection)
			return 0;
	} else if (state->hook == NF_INET_LOCAL_OUT) {
		if (is_sent_again(skb, state->out))
			return 0;
	} else if (state->hook == NF_INET_PRE_ROUTING && skb->dev) { /* of act_ct, Open vSwitch */
		iif = skb->dev->ifindex;
		mark_as_tracked(skb, nfct);
	}

	now = ctflow_now();
	if (!connection || info == IP_CT_NEW || info == IP_CT_RELATED) {
		/* Measured from the first packet or not at all. */
		unsigned long status =
			ctflow_load64(key + bpf_core_field_offset(struct nf_conn, status), direct);

		if (info < IP_CT_IS_REPLY && info != IP_CT_ESTABLISHED &&
		    !(status & (IPS_CONFIRMED | IPS_DYING | IPS_TEMPLATE)))
			connection = begin(key, now);
		if (!connection) {
			cpu->skb = (__u64)skb;
			cpu->nfct = nfct;
			cpu->has_oif = NOT_MEASURED;
			return 0;
		}
	}

	measure(connection, skb, direct, nfct, state->pf, iif, now);

	direction = &connection->measured.direction[info >= IP_CT_IS_REPLY];
	cpu->skb = (__u64)skb;
	cpu->nfct = nfct;
	cpu->oif = direction->oif;
	cpu->has_oif = direction->has_oif;
	cpu->mirrored_skb = 0;
	return 0;
}

static __always_inline int tracked(struct sk_buff *skb, const struct nf_hook_state *state,
				   unsigned int verdict, bool direct)
{
	struct cpu_state *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->tracking = 1;
	track(skb, state, verdict, direct, cpu);
	cpu->tracking = 0;
	return 0;
}

SEC("fexit/nf_conntrack_in")
int BPF_PROG(tracked_direct, struct sk_buff *skb, const struct nf_hook_state *state,
	     unsigned int verdict)
{
	return tracked(skb, state, verdict, true);
}

SEC("fexit/nf_conntrack_in")
int BPF_PROG(tracked_probe, struct sk_buff *skb, const struct nf_hook_state *state,
	     unsigned int verdict)
{
	return tracked(skb, state, verdict, false);
}

/*
 * A packet leaves that has interrupted tracked(), with all that the stack does to it, so that it
 * was not counted where it came in. What has changed since is taken back.
 */
static __always_inline void track_late(struct sk_buff *skb, const struct nf_hook_state *state)
{
	__u64 nfct = skb->_nfct;
	__u64 key = nfct & ~NFCT_INFO_MASK;
	__u32 info = nfct & NFCT_INFO_MASK;
	unsigned long status = BPF_CORE_READ((const struct nf_conn *)key, status);
	struct ctflow_connection *connection;
	struct ctflow_packet packet;
	__u64 now = ctflow_now();
	__u32 iif = skb->skb_iif;

	if (iif == LOOPBACK_IFINDEX || BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK ||
	    (status & IPS_TEMPLATE))
		return;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (info < IP_CT_IS_REPLY && info != IP_CT_ESTABLISHED &&
	    !(status & (IPS_CONFIRMED | IPS_DYING)) &&
	    !(connection && connection->measured.direction[0].packets))
		connection = begin(key, now);
	if (!connection)
		return;
	ctflow_parse(skb, false, 0, state->pf, &packet);
	if (state->hook == NF_INET_POST_ROUTING && iif)
		packet.ttl++;
	count_packet(connection, (const struct nf_conn *)key, info, &packet, iif, now);
	__sync_fetch_and_add(&late_packets, 1);
}

/* A packet is about to leave the stack, or to be delivered here. */
static __always_inline int set_oif(struct sk_buff *skb, const struct nf_hook_state *state)
{
	__u64 nfct = skb->_nfct;
	__u64 key = nfct & ~NFCT_INFO_MASK;
	__u32 info = nfct & NFCT_INFO_MASK;
	int side = info >= IP_CT_IS_REPLY;
	struct ctflow_connection *connection;
	struct cpu_state *cpu = this_cpu();
	const struct net_device *out;
	bool known;
	__u32 oif = 0;

	known = cpu && cpu->skb == (__u64)skb && cpu->nfct == nfct;
	if (known && cpu->has_oif == NOT_MEASURED)
		return 0;
	out = state->out;
	if (out) { /* NF_INET_POST_ROUTING */
		oif = out->ifindex;
	} else {
		const struct net_device *in = state->in;

		if ((in && in->ifindex == LOOPBACK_IFINDEX) ||
		    BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK)
			return 0; /* has been seen leaving */
	}
	if (known && cpu->has_oif && cpu->oif == oif)
		return 0;
	if (!key || info == IP_CT_UNTRACKED)
		return 0;
	if (out && is_vrf(out))
		return 0; /* it passes again with the device itself */
	if (cpu && cpu->tracking && !known)
		track_late(skb, state);
	if (cpu && cpu->mirrored_skb == (__u64)skb) {
		cpu->mirrored_skb = 0;
		side = 1;
	}

	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	if (info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY) {
		struct ctflow_packet packet;

		/* ICMP errors may take their own way. */
		ctflow_parse(skb, false, 0, state->pf, &packet);
		if (ctflow_is_icmp_error(info, &packet))
			return 0;
	}
	ctflow_set_oif(&connection->measured.direction[side], oif);
	return 0;
}

SEC("fentry/nf_confirm")
int BPF_PROG(leaving, void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return set_oif(skb, state);
}

SEC("fentry/ipv4_confirm")
int BPF_PROG(leaving_ipv4, void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return set_oif(skb, state);
}

SEC("fentry/ipv6_confirm")
int BPF_PROG(leaving_ipv6, void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return set_oif(skb, state);
}

#endif
