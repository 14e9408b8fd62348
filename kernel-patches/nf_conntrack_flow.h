/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_NF_CONNTRACK_FLOW_H
#define _UAPI_NF_CONNTRACK_FLOW_H

/*
 * Flow measurement in connection tracking: what ctnetlink adds to a
 * connection that was created while net.netfilter.nf_conntrack_flow was 1.
 *
 * Rules for readers:
 *  - All integers are in network byte order, as everywhere in ctnetlink.
 *  - Every attribute is optional. Skip attributes you do not know, ignore
 *    payload octets beyond the size given here, and treat an attribute that
 *    is shorter than that as absent.
 *  - New attributes are appended and do not change the version. The version
 *    changes only when an existing attribute changes its meaning.
 *  - The attributes are output only: the kernel ignores them in requests.
 */

/*
 * Top level attribute, nested, next to CTA_TUPLE_ORIG and friends. It is
 * part of IPCTNL_MSG_CT_DELETE events, of IPCTNL_MSG_CT_NEW messages that
 * update or report a connection, and of replies to IPCTNL_MSG_CT_GET,
 * dumps included. The number is far from the end of enum ctattr_type.
 */
#define CTA_FLOW 256

#define CTA_FLOW_VERSION_1 1

/*
 * Multicast group of NETLINK_NETFILTER for flow reports. A report is an
 * IPCTNL_MSG_CT_NEW message without NLM_F_CREATE, with what a reply to
 * IPCTNL_MSG_CT_GET would contain: tuples, zone, status, mark, id, counters,
 * timestamp, CTA_FLOW, and unless the connection is offloaded, timeout and
 * protocol state. All counters are totals since the connection was created:
 * a lost report is made good by the next one. It is sent
 *  - when a packet arrives and at least nf_conntrack_flow_active_timeout
 *    seconds have passed since the connection was created or last reported,
 *  - that long after the last report when packets were seen since and none
 *    arrives any more (the periodic sweep of the table finds these),
 *  - when a TCP connection enters TIME_WAIT or CLOSE.
 * A listener of this group alone counts as one for nf_conntrack_events=2. As
 * with the other groups, connections that were created before the first
 * listener came send nothing then.
 * Binding to the group is harmless where the kernel does not know it.
 */
#define NFNLGRP_CONNTRACK_FLOW 32

/*
 * The event behind reports, beyond enum ip_conntrack_events. Rulesets that
 * choose events for a connection ("ct event") have to include this bit.
 */
#define IPCT_FLOW 14

/* Inside CTA_FLOW. */
enum ctattr_flow {
	CTA_FLOW_UNSPEC,
	CTA_FLOW_VERSION,	/* u8: CTA_FLOW_VERSION_1 */
	CTA_FLOW_ORIG,		/* nested: enum ctattr_flow_dir */
	CTA_FLOW_REPLY,		/* nested: enum ctattr_flow_dir */
	CTA_FLOW_REASON,	/* u8: enum nf_ct_flow_reason, only in DELETE */
	CTA_FLOW_PAD,
	__CTA_FLOW_MAX
};

#define CTA_FLOW_MAX (__CTA_FLOW_MAX - 1)

/*
 * Inside CTA_FLOW_ORIG and CTA_FLOW_REPLY. A direction in which nothing was
 * seen has no nest. FIRST to FLAGS describe the packets of the connection
 * itself; they are absent when only ICMP errors were seen in the direction.
 *
 * FIRST, LAST: nanoseconds since 1970-01-01 00:00 UTC of the first and the
 *	last packet. The resolution is one timer tick (1/CONFIG_HZ: 1 to 10
 *	ms). LAST is never before FIRST. For an entry that was created
 *	through ctnetlink, FIRST of the original direction is the time of its
 *	creation. When the first packets of a connection overtake each other
 *	inside this host, FIRST is that of the one that came first; FIRST of
 *	the reply direction may then be before that of the original one.
 *	Hardware offload: LAST as told by the driver.
 * IIF, OIF: interface index on which the packets came in and went out; 0
 *	means this host itself. Value of the first packet; whether a later
 *	one had another is told by FLAGS. OIF is absent as long as no packet
 *	has reached the end of its way through the stack.
 * TCP_FLAGS: union of the TCP control bits of all segments, octets 12 and 13
 *	of the TCP header with the data offset masked out, which is the
 *	layout of IPFIX tcpControlBits (RFC 7125): FIN 0x001, SYN 0x002, RST
 *	0x004, PSH 0x008, ACK 0x010, URG 0x020, ECE 0x040, CWR 0x080, AE (NS)
 *	0x100, reserved 0xe00. Absent unless the connection is TCP.
 * TOS: IPv4 type of service or IPv6 traffic class (DSCP and ECN) of the
 *	first packet.
 * TTL_MIN, TTL_MAX: IPv4 time to live or IPv6 hop limit as received, that is
 *	before this host decrements it.
 * LEN_MIN, LEN_MAX: length of the IP packet with its header, in octets, of
 *	every packet as it is on the wire: of the segments, not of what GRO
 *	or TSO makes of them, and without the padding of short frames. 65535
 *	stands for that or more.
 * WIRE_PACKETS, WIRE_OCTETS: all packets, and their octets counted from the
 *	IP header to the end of the IP packet, as they were on the wire.
 *	Unlike CTA_COUNTERS_* these count every segment of an aggregated
 *	packet with its headers, retransmitted SYNs and other segments that
 *	conntrack lets pass without accounting, packets forwarded by a
 *	flowtable without the "counter" keyword, TCP resets that this host
 *	sends on behalf of an end ("reject with tcp reset"), and ICMP errors
 *	that concern the connection, also those that this host sends. The
 *	padding of short frames, which the counters of a flowtable include,
 *	is left out.
 *	Totals since creation that are never reset, not even by
 *	IPCTNL_MSG_CT_GET_CTRZERO, and that do not depend on
 *	nf_conntrack_acct. A datagram in fragments counts once, as in
 *	CTA_COUNTERS_*.
 * FLAGS: enum nf_ct_flow_flags. Absent means 0.
 * ICMP_ERRORS: how many of WIRE_PACKETS were ICMP or ICMPv6 errors about the
 *	connection that travelled in this direction. Stops at 4095. Absent
 *	means 0. When it equals WIRE_PACKETS, no packet of the connection
 *	itself was seen in this direction.
 */
enum ctattr_flow_dir {
	CTA_FLOW_DIR_UNSPEC,
	CTA_FLOW_DIR_FIRST,		/* be64 ns */
	CTA_FLOW_DIR_LAST,		/* be64 ns */
	CTA_FLOW_DIR_IIF,		/* be32 ifindex */
	CTA_FLOW_DIR_OIF,		/* be32 ifindex */
	CTA_FLOW_DIR_TCP_FLAGS,		/* be16 */
	CTA_FLOW_DIR_TOS,		/* u8 */
	CTA_FLOW_DIR_TTL_MIN,		/* u8 */
	CTA_FLOW_DIR_TTL_MAX,		/* u8 */
	CTA_FLOW_DIR_LEN_MIN,		/* be32 octets */
	CTA_FLOW_DIR_LEN_MAX,		/* be32 octets */
	CTA_FLOW_DIR_WIRE_PACKETS,	/* be64 */
	CTA_FLOW_DIR_WIRE_OCTETS,	/* be64 */
	CTA_FLOW_DIR_FLAGS,		/* be32: enum nf_ct_flow_flags */
	CTA_FLOW_DIR_ICMP_ERRORS,	/* be32 */
	CTA_FLOW_DIR_PAD,
	__CTA_FLOW_DIR_MAX
};

#define CTA_FLOW_DIR_MAX (__CTA_FLOW_DIR_MAX - 1)

/* CTA_FLOW_DIR_FLAGS: a later packet differed from the first one. */
enum nf_ct_flow_flags {
	NF_CT_FLOW_IIF_CHANGED	= 1 << 0,
	NF_CT_FLOW_OIF_CHANGED	= 1 << 1,
	NF_CT_FLOW_DSCP_CHANGED	= 1 << 2,
	NF_CT_FLOW_ECN_CHANGED	= 1 << 3,
};

/* CTA_FLOW_REASON: why the entry was destroyed. */
enum nf_ct_flow_reason {
	NF_CT_FLOW_REASON_UNSPEC,
	/* no packet for the protocol's timeout */
	NF_CT_FLOW_REASON_TIMEOUT,
	/* expired in TIME_WAIT: closed by FIN from both sides */
	NF_CT_FLOW_REASON_TCP_CLOSE,
	/* expired in CLOSE, or removed at once as a RST was the only answer */
	NF_CT_FLOW_REASON_TCP_RESET,
	/* deleted or flushed by a process through ctnetlink */
	NF_CT_FLOW_REASON_NETLINK,
	/* evicted as the table was full or nearly so */
	NF_CT_FLOW_REASON_EARLY_DROP,
	/* a SYN reused the tuple of a closing connection */
	NF_CT_FLOW_REASON_TCP_REOPEN,
	/* anything else: address or interface gone, helper or module removed */
	NF_CT_FLOW_REASON_OTHER,
};

#endif /* _UAPI_NF_CONNTRACK_FLOW_H */
