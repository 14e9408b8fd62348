/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's types, reduced to the fields that the programs read. The loader finds the place of
 * each field in the BTF of the running kernel (CO-RE), so neither order nor omissions matter; names
 * and nesting do.
 */
#ifndef CTFLOWD_BPF_KERNEL_TYPES_H
#define CTFLOWD_BPF_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
	int ifindex;
	unsigned long priv_flags; /* a bit field since 6.12 */
};

struct sk_buff {
	struct net_device *dev;
	unsigned long _nfct;
	unsigned int len;
	unsigned int data_len;
	__be16 protocol;
	int skb_iif;
	__u16 network_header;
	__u16 inner_transport_header;
	__u8 encapsulation : 1;
	__u8 pkt_type : 3;
	__u8 ipvs_property : 1; /* only with IPVS built in or as a module */
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct skb_shared_info {
	unsigned short gso_size;
	struct sk_buff *frag_list;
	unsigned int gso_type;
};

/* Any type with a whole number of 64 bits at its beginning: see ctflow_load64(). */
struct timespec64 {
	long long tv_sec;
};

struct tcphdr {
	__be16 source;
	__be16 dest;
};

struct nf_hook_state {
	__u8 hook; /* unsigned int before 5.17 */
	__u8 pf;
	struct net_device *in;
	struct net_device *out;
	struct net *net;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
		__u8 dir;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conntrack_zone {
	__u16 id;
	__u8 flags;
	__u8 dir;
};

struct ip_ct_tcp {
	__u8 state;
};

enum sctp_conntrack {
	SCTP_CONNTRACK_NONE,
};

struct ip_ct_sctp {
	enum sctp_conntrack state;
};

struct nf_ct_dccp {
	__u8 state;
};

union nf_conntrack_proto {
	struct nf_ct_dccp dccp; /* gone in 6.17 */
	struct ip_ct_tcp tcp;
	struct ip_ct_sctp sctp;
};

struct nf_conntrack {};

struct nf_conn {
	__u32 timeout;
	struct nf_conntrack_zone zone;
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	possible_net_t ct_net;
	__u32 mark;
	struct nf_ct_ext *ext;
	union nf_conntrack_proto proto;
};

/* The extensions lie behind it, each at its offset; 0 means that it is not there. */
struct nf_ct_ext {
	__u8 offset[1];
};

enum nf_ct_ext_id {
	NF_CT_EXT_ACCT = 1,
	NF_CT_EXT_TSTAMP = 2,
};

struct nf_flowtable;

struct in_addr {
	__be32 s_addr;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct flow_offload_tuple {
	union {
		struct in_addr src_v4;
		struct in6_addr src_v6;
	};
	union {
		struct in_addr dst_v4;
		struct in6_addr dst_v6;
	};
	__be16 src_port;
	__be16 dst_port;
};

struct flow_offload_tuple_rhash {
	struct flow_offload_tuple tuple;
};

struct flow_offload {
	struct flow_offload_tuple_rhash tuplehash[2];
	struct nf_conn *ct;
};

#pragma clang attribute pop

/* struct nf_conn_counter, which is the same everywhere. */
struct ctflow_counter {
	__u64 packets; /* atomic64_t */
	__u64 octets;
};

/* Constants of the kernel that are not in its uapi headers, or not in one that compiles here. */
#define NFCT_INFO_MASK 7UL
#define CTFLOW_AF_INET 2
#define CTFLOW_AF_INET6 10

/* enum ip_conntrack_info */
#define IP_CT_ESTABLISHED 0
#define IP_CT_RELATED 1
#define IP_CT_NEW 2
#define IP_CT_IS_REPLY 3
#define IP_CT_RELATED_REPLY 4
#define IP_CT_UNTRACKED 7

/* enum ip_conntrack_status */
#define IPS_EXPECTED (1 << 0)
#define IPS_SEEN_REPLY (1 << 1)
#define IPS_CONFIRMED (1 << 3)
#define IPS_DYING (1 << 9)
#define IPS_TEMPLATE (1 << 11)
#define IPS_OFFLOAD (1 << 14)

/* enum tcp_conntrack */
#define TCP_CONNTRACK_TIME_WAIT 7
#define TCP_CONNTRACK_CLOSE 8

/* enum nf_inet_hooks */
#define NF_INET_PRE_ROUTING 0
#define NF_INET_LOCAL_IN 1
#define NF_INET_LOCAL_OUT 3
#define NF_INET_POST_ROUTING 4

#define NF_ACCEPT 1

/* errno */
#define CTFLOW_ENOENT 2
#define CTFLOW_EEXIST 17

/* In every network namespace, and no other device has its flag. */
#define LOOPBACK_IFINDEX 1
#define IFF_L3MDEV_MASTER (1 << 18)
#define PACKET_LOOPBACK 5

#define IPPROTO_HOPOPTS 0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_DCCP 33
#define IPPROTO_ROUTING 43
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60
#define IPPROTO_SCTP 132

#define SKB_GSO_TCPV4 (1 << 0)
#define SKB_GSO_TCPV6 (1 << 4)
#define SKB_GSO_UDP_L4 (1 << 17)
#define GSO_BY_FRAGS 0xffff

#endif
