// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets that take the fast path of a flowtable pass no hook of conntrack. An object of its own:
 * nf_flow_table may be loaded long after the others are attached.
 */
#include "record.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define ETH_P_PPP_SES 0x8864

/* The packet that the flowtable looks at, by CPU: the function that knows its connection does not
 * get it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} at_flowtable SEC(".maps");

static __always_inline int at_hook(struct sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *current = bpf_map_lookup_elem(&at_flowtable, &zero);

	if (current)
		*current = (__u64)skb;
	return 0;
}

SEC("fentry/nf_flow_offload_ip_hook")
int BPF_PROG(offload_ip, void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return at_hook(skb);
}

SEC("fentry/nf_flow_offload_ipv6_hook")
int BPF_PROG(offload_ipv6, void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return at_hook(skb);
}

/* VLAN tags and PPPoE are taken off after the connection was found. */
static __always_inline __u32 encapsulation_length(const struct sk_buff *skb)
{
	__u16 protocol = bpf_ntohs(BPF_CORE_READ(skb, protocol));

	if (protocol == ETH_P_8021Q || protocol == ETH_P_8021AD)
		return 4;
	return protocol == ETH_P_PPP_SES ? 8 : 0;
}

/* Addresses and ports of a packet or of a tuple, to compare. */
struct ends {
	__u32 source[4];
	__u32 destination[4];
	__u16 ports[2];
};

static __always_inline bool same_ends(const struct ends *a, const struct ends *b, __u8 family)
{
	if (a->ports[0] != b->ports[0] || a->ports[1] != b->ports[1] ||
	    a->source[0] != b->source[0] || a->destination[0] != b->destination[0])
		return false;
	if (family == CTFLOW_AF_INET)
		return true;
#pragma unroll
	for (int i = 1; i < 4; i++)
		if (a->source[i] != b->source[i] || a->destination[i] != b->destination[i])
			return false;
	return true;
}

/* The side whose packets look like that, or -1. */
static __always_inline int side_of(const struct ends *packet, const struct flow_offload *flow,
				   __u8 family)
{
	struct ends ends;

	BPF_CORE_READ_INTO(&ends.source, flow, tuplehash[0].tuple.src_v6);
	BPF_CORE_READ_INTO(&ends.destination, flow, tuplehash[0].tuple.dst_v6);
	ends.ports[0] = BPF_CORE_READ(flow, tuplehash[0].tuple.src_port);
	ends.ports[1] = BPF_CORE_READ(flow, tuplehash[0].tuple.dst_port);
	if (same_ends(packet, &ends, family))
		return 0;
	BPF_CORE_READ_INTO(&ends.source, flow, tuplehash[1].tuple.src_v6);
	BPF_CORE_READ_INTO(&ends.destination, flow, tuplehash[1].tuple.dst_v6);
	ends.ports[0] = BPF_CORE_READ(flow, tuplehash[1].tuple.src_port);
	ends.ports[1] = BPF_CORE_READ(flow, tuplehash[1].tuple.dst_port);
	return same_ends(packet, &ends, family) ? 1 : -1;
}

static __always_inline int refresh(struct flow_offload *flow)
{
	struct ctflow_connection *connection;
	struct ctflow_packet packet;
	struct ends ends = {};
	struct sk_buff *skb;
	unsigned long network;
	__u64 *current, key, now;
	__u32 zero = 0, skip;
	__u8 version = 0, family;
	int side;

	current = bpf_map_lookup_elem(&at_flowtable, &zero);
	if (!current || !*current)
		return 0;
	skb = (struct sk_buff *)*current;
	*current = 0;

	key = (__u64)flow->ct;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;

	skip = encapsulation_length(skb);
	network = (unsigned long)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header) + skip;
	bpf_probe_read_kernel(&version, 1, (const void *)network);
	family = version >> 4 == 4 ? CTFLOW_AF_INET : CTFLOW_AF_INET6;
	ctflow_parse(skb, false, skip, family, &packet);
	if (family == CTFLOW_AF_INET) {
		bpf_probe_read_kernel(ends.source, 4, (const void *)(network + 12));
		bpf_probe_read_kernel(ends.destination, 4, (const void *)(network + 16));
	} else {
		bpf_probe_read_kernel(ends.source, 16, (const void *)(network + 8));
		bpf_probe_read_kernel(ends.destination, 16, (const void *)(network + 24));
	}
	if (packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP)
		bpf_probe_read_kernel(ends.ports, 4,
				      (const void *)(network + packet.transport_offset));

	/* Neither: the packet did not come to this, and somebody else refreshes the flow. */
	side = side_of(&ends, flow, family);
	if (side < 0)
		return 0;

	now = ctflow_now();
	ctflow_count(&connection->measured.direction[side & 1], &packet, now);
	ctflow_report_if_due(connection, (const struct nf_conn *)key, now);
	return 0;
}

SEC("fentry/flow_offload_refresh")
int BPF_PROG(offload_refresh, struct nf_flowtable *table, struct flow_offload *flow)
{
	return refresh(flow);
}
