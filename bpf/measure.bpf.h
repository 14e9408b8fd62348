/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one packet says, and how it changes what is known of a direction. Nothing here knows which
 * hook the packet passes or how its connection is found. The rules are those of
 * kernel-patches/nf_conntrack_flow.h.
 *
 * Every function is compiled twice: `direct` is a constant. Direct loads need bpf_rdonly_cast()
 * (6.2) and cost about half of what bpf_probe_read_kernel() does.
 */
#ifndef CTFLOWD_BPF_MEASURE_H
#define CTFLOWD_BPF_MEASURE_H

#include "kernel_types.h"

#include <bpf/bpf_endian.h>

#include "clock.h"
#include "measurement.h"

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/* A pointer to a kernel type that the verifier accepts for loads, from any number. */
#define CTFLOW_CAST(address, type)                                                                 \
	((type *)bpf_rdonly_cast((const void *)(address), bpf_core_type_id_kernel(type)))

/* Nanoseconds of a timer tick. The loader stores it: clock_getres(CLOCK_MONOTONIC_COARSE). */
const volatile __u64 tick_ns = 4000000;
/* CLOCK_MONOTONIC when jiffies were 0. ctflow_set_clock() finds it. */
struct ctflow_clock clock_state = {};

/* CLOCK_MONOTONIC as of the last timer tick: bpf_ktime_get_coarse_ns() is refused to tracing
 * programs, and jiffies cost two instructions where a clock source may cost a microsecond. */
static __always_inline __u64 ctflow_now(void)
{
	return bpf_jiffies64() * tick_ns + (__u64)clock_state.offset;
}

/* To be called several times within some ticks, and now and then, should ticks get lost. */
static __always_inline void ctflow_set_clock(void)
{
	__u64 jiffies = bpf_jiffies64();
	__u64 monotonic = bpf_ktime_get_ns();

	/* Else this was interrupted, and who knows where. */
	if (bpf_jiffies64() == jiffies)
		ctflow_read_clock(&clock_state, monotonic, jiffies, tick_ns);
}

/* IPVS sends a packet that was received, with the entry that it has had since. */
static __always_inline bool ctflow_is_of_ipvs(const struct sk_buff *skb)
{
	return bpf_core_field_exists(skb->ipvs_property) &&
	       BPF_CORE_READ_BITFIELD(skb, ipvs_property);
}

/* How a packet looks on the wire, where what GRO or TSO has aggregated is several. */
struct ctflow_packet {
	__u32 packets;
	__u32 octets;
	__u32 length_min;
	__u32 length_max;
	__u16 tcp_flags;
	__u8 tos;
	__u8 ttl;
	__u8 protocol;
	/* Of the transport header, after the start of the IP header. 0: there is none. */
	__u32 transport_offset;
};

static __always_inline __u16 ctflow_load16(unsigned long address)
{
	__u16 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (const void *)address);
	return bpf_ntohs(value);
}

/* 64 bits from anywhere. A direct load costs ten instructions on x86, for the check of the address,
 * and so it is better to take several fields with one. */
static __always_inline __u64 ctflow_load64(unsigned long address, bool direct)
{
	__u64 value = 0;

	if (direct)
		return CTFLOW_CAST(address, struct timespec64)->tv_sec;
	bpf_probe_read_kernel(&value, sizeof(value), (const void *)address);
	return value;
}

/* Headers between IPv6 and the transport protocol. More than these many do not occur. */
#define CTFLOW_EXTENSION_HEADERS 6

static __always_inline __u32 ctflow_skip_extensions(unsigned long network, __u8 *protocol,
						    __u32 *jumbo)
{
	__u32 offset = 40;

	for (int i = 0; i < CTFLOW_EXTENSION_HEADERS; i++) {
		__u8 header[4] = {};
		__u32 length;

		if (*protocol != IPPROTO_HOPOPTS && *protocol != IPPROTO_ROUTING &&
		    *protocol != IPPROTO_DSTOPTS && *protocol != IPPROTO_AH)
			return offset;
		bpf_probe_read_kernel(header, sizeof(header), (const void *)(network + offset));
		length = *protocol == IPPROTO_AH ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
		/* Only while the packet is aggregated: not on the wire. */
		if (*protocol == IPPROTO_HOPOPTS && header[2] == 0xc2 && length == 8)
			*jumbo = 8;
		*protocol = header[0];
		offset += length;
	}
	return 0;
}

/* `skb` carries one packet whose payload would not fit: what it becomes on the wire. */
static __always_inline void ctflow_segments(const struct sk_buff *skb, bool direct,
					    unsigned long network, __u32 size, __u32 type,
					    __u32 jumbo, struct ctflow_packet *packet)
{
	unsigned long head = (unsigned long)(direct ? skb->head : BPF_CORE_READ(skb, head));
	__u32 headers = packet->transport_offset;
	__u32 total = packet->octets;
	__u32 payload;
	__u32 encapsulated;

	encapsulated = direct ? BPF_CORE_READ_BITFIELD(skb, encapsulation)
			      : BPF_CORE_READ_BITFIELD_PROBED(skb, encapsulation);
	if (encapsulated)
		headers = head +
			  (direct ? skb->inner_transport_header
				  : BPF_CORE_READ(skb, inner_transport_header)) -
			  network;
	if (!headers)
		return;
	if (type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6))
		headers += (ctflow_load16(network + headers + 12) >> 12) * 4;
	else if (type & SKB_GSO_UDP_L4)
		headers += 8;
	else
		return; /* one datagram in fragments, or SCTP, whose chunks differ in size */
	if (headers >= total || !size || size == GSO_BY_FRAGS)
		return;

	payload = total - headers;
	headers -= jumbo;
	packet->packets = (payload + size - 1) / size;
	packet->octets = payload + packet->packets * headers;
	packet->length_min = headers + payload - (packet->packets - 1) * size;
	packet->length_max = headers + (payload < size ? payload : size);
}

/* Where the two octets are that would be at `place`: the first of several fragments may have but
 * eight octets of its segment. 0, which reads 0: not known. */
static __always_inline unsigned long ctflow_behind_head(const struct sk_buff *skb,
							unsigned long place)
{
	unsigned long end = (unsigned long)BPF_CORE_READ(skb, data) + BPF_CORE_READ(skb, len) -
			    BPF_CORE_READ(skb, data_len);
	const struct skb_shared_info *info;
	const struct sk_buff *next;

	if (place < end)
		return place;
	info = (const void *)((unsigned long)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	next = BPF_CORE_READ(info, frag_list);
	if (!next || place - end + 2 > BPF_CORE_READ(next, len) - BPF_CORE_READ(next, data_len))
		return 0;
	return (unsigned long)BPF_CORE_READ(next, data) + (place - end);
}

/*
 * Reads a packet whose IP header is `skip` octets behind the network header (0 but for PPPoE and
 * VLAN tags that a flowtable has not taken off). `family`: of the packet, AF_INET or AF_INET6.
 * `direct`: the IP stack has seen that the packet is as long as its header says, and of the version
 * that it says, so that `family` is not needed.
 */
static __always_inline void ctflow_parse(const struct sk_buff *skb, bool direct, __u32 skip,
					 __u8 family, struct ctflow_packet *packet)
{
	unsigned long head, network;
	__u32 length, ip_length = 0, jumbo = 0, gso_size, gso_type = 0;
	__u64 ip[2];

	if (direct) {
		const struct skb_shared_info *info;

		head = (unsigned long)skb->head;
		network = head + skb->network_header + skip;
		length = 0; /* only if the packet's own is none: see below */
		info = CTFLOW_CAST(head + skb->end, struct skb_shared_info);
		gso_size = info->gso_size;
		if (gso_size)
			gso_type = info->gso_type;
	} else {
		const struct skb_shared_info *info;

		head = (unsigned long)BPF_CORE_READ(skb, head);
		network = head + BPF_CORE_READ(skb, network_header) + skip;
		length = BPF_CORE_READ(skb, len) - skip;
		info = (const void *)(head + BPF_CORE_READ(skb, end));
		gso_size = BPF_CORE_READ(info, gso_size);
		if (gso_size)
			gso_type = BPF_CORE_READ(info, gso_type);
	}

	if (direct)
		ip[0] = ctflow_load64(network, true);
	else
		bpf_probe_read_kernel(ip, sizeof(ip), (const void *)network);
	ip[0] = bpf_be64_to_cpu(ip[0]); /* the first octet is the highest */
	if (direct ? ip[0] >> 60 != 6 : family == CTFLOW_AF_INET) {
		ip[1] = bpf_be64_to_cpu(direct ? ctflow_load64(network + 8, true) : ip[1]);
		packet->tos = ip[0] >> 48;
		packet->ttl = ip[1] >> 56;
		packet->protocol = ip[1] >> 48;
		packet->transport_offset = (ip[0] >> 56 & 15) * 4;
		ip_length = ip[0] >> 32 & 0xffff;
	} else {
		packet->tos = ip[0] >> 52;
		packet->ttl = ip[0];
		packet->protocol = ip[0] >> 8;
		ip_length = ip[0] >> 16 & 0xffff;
		if (ip_length)
			ip_length += 40;
		packet->transport_offset = 40;
		if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)
			packet->transport_offset =
				ctflow_skip_extensions(network, &packet->protocol, &jumbo);
	}

	/* Short frames are padded, and a flowtable's packets come before the IP stack takes that
	 * off. An aggregated packet may be longer than its header can say. */
	if (direct && (gso_size || !ip_length))
		length = skb->len - skip;
	else if (!gso_size && ip_length && (direct || ip_length < length))
		length = ip_length;

	packet->packets = 1;
	packet->octets = packet->length_min = packet->length_max = length;
	packet->tcp_flags = 0;
	if (packet->protocol == IPPROTO_TCP && packet->transport_offset) {
		unsigned long place = network + packet->transport_offset + 12;

		/* Of what is aggregated the headers are at the head. */
		if (!gso_size && (direct ? skb->data_len : BPF_CORE_READ(skb, data_len)))
			place = ctflow_behind_head(skb, place);
		packet->tcp_flags =
			0xfff & (direct ? bpf_ntohs(CTFLOW_CAST(place, struct tcphdr)->source)
					: ctflow_load16(place));
	}
	if (gso_size)
		ctflow_segments(skb, direct, network, gso_size, gso_type, jumbo, packet);
}

/* An ICMP error is related to the connection that it quotes; so is the reset by which a ruleset
 * rejects a segment, and what an expected connection sends. `info`: enum ip_conntrack_info. */
static __always_inline bool ctflow_is_icmp_error(__u32 info, const struct ctflow_packet *packet)
{
	return (info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY) &&
	       (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6);
}

static __always_inline void ctflow_count_icmp_error(struct ctflow_direction *direction,
						    const struct ctflow_packet *packet)
{
	__sync_fetch_and_add(&direction->packets, packet->packets);
	__sync_fetch_and_add(&direction->octets, packet->octets);
	__sync_fetch_and_add(&direction->icmp_errors, 1);
}

static __always_inline void ctflow_add_tcp_flags(struct ctflow_direction *direction, __u16 flags)
{
	if (!(flags & ~direction->tcp_flags))
		return;
	/* There are atomic operations on words only. */
	_Static_assert(__builtin_offsetof(struct ctflow_direction, tcp_flags) % 4 == 0, "");
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__sync_fetch_and_or((__u32 *)&direction->tcp_flags, (__u32)flags);
#else
	__sync_fetch_and_or((__u32 *)&direction->tcp_flags, (__u32)flags << 16);
#endif
}

static __always_inline void ctflow_set_iif(struct ctflow_direction *direction, __u32 iif)
{
	if (!direction->has_iif) {
		direction->iif = iif;
		direction->has_iif = 1;
	} else if (direction->iif != iif) {
		direction->changed |= CTFLOW_IIF_CHANGED;
	}
}

static __always_inline void ctflow_set_oif(struct ctflow_direction *direction, __u32 oif)
{
	if (!direction->has_oif) {
		direction->oif = oif;
		direction->has_oif = 1;
	} else if (direction->oif != oif) {
		direction->changed |= CTFLOW_OIF_CHANGED;
	}
}

/* Counts a packet of the connection itself. */
static __always_inline void ctflow_count(struct ctflow_direction *direction,
					 const struct ctflow_packet *packet, __u64 now)
{
	__u32 length_min = packet->length_min > 65535 ? 65535 : packet->length_min;
	__u32 length_max = packet->length_max > 65535 ? 65535 : packet->length_max;
	__u8 difference;

	__sync_fetch_and_add(&direction->packets, packet->packets);
	__sync_fetch_and_add(&direction->octets, packet->octets);
	if (!direction->first) {
		direction->first = now;
		direction->tos = packet->tos;
		direction->ttl_min = direction->ttl_max = packet->ttl;
		direction->length_min = length_min;
		direction->length_max = length_max;
	}
	if (direction->last != now)
		direction->last = now;

	difference = direction->tos ^ packet->tos;
	if (difference)
		direction->changed |= (difference & ~3 ? CTFLOW_DSCP_CHANGED : 0) |
				      (difference & 3 ? CTFLOW_ECN_CHANGED : 0);
	if (packet->ttl < direction->ttl_min)
		direction->ttl_min = packet->ttl;
	if (packet->ttl > direction->ttl_max)
		direction->ttl_max = packet->ttl;
	if (length_min < direction->length_min)
		direction->length_min = length_min;
	if (length_max > direction->length_max)
		direction->length_max = length_max;
	if (packet->tcp_flags)
		ctflow_add_tcp_flags(direction, packet->tcp_flags);
}

/* What was measured of packets of one direction apart from the others, before or after them. */
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
