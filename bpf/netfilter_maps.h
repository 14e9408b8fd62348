/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of ctflow_netfilter.bpf.c, shared with src/extras/from_bpf. One set per network namespace.
 * Host byte order unless noted.
 */
#ifndef CTFLOWD_BPF_NETFILTER_MAPS_H
#define CTFLOWD_BPF_NETFILTER_MAPS_H

#include "measurement.h"

/* The original direction of a connection, by what ctnetlink says of it, too. */
struct ctflow_nf_key {
	__u8 source[16];      /* network byte order; IPv4: the first four octets, the rest 0 */
	__u8 destination[16];
	__u16 source_port;    /* network byte order, as the next; ICMP: the identifier */
	__u16 destination_port; /* ICMP: type in the first octet, code in the second */
	__u16 zone;	      /* that applies to the original direction */
	__u8 family;	      /* AF_INET, AF_INET6 */
	__u8 protocol;
};

/* One connection. Its successor with the same key takes its place, and it goes to `ended` until its
 * end was read. */
struct ctflow_nf_entry {
	struct ctflow_measured measured;
	__u64 owner;		/* address of its nf_conn; 0: the connection is gone */
	__u64 born;		/* CLOCK_MONOTONIC, before the kernel confirmed it */
	__u64 counted_packets[2]; /* by conntrack when it was offloaded to a flowtable */
	__u64 counted_octets[2];
	__u32 generation;	/* how many predecessors with this key had unread ends */
	__u8 merged;		/* first packets overtook each other: either entry may stay */
	__u8 offloaded;		/* no packets are measured any more */
	__u8 counted;		/* counted_* are known */
	__u8 unowned;		/* sweeps that found no connection */
	__u8 confirmed;		/* a packet has come after the kernel confirmed the owner */
	__u8 pad[7];
};

struct ctflow_nf_ended_key {
	struct ctflow_nf_key key;
	__u32 generation;
	__u32 pad;
};

/* So many predecessors with unread ends are kept of one key. */
#define CTFLOW_NF_GENERATIONS 16

/* An entry without a connection is removed by so many sweeps: what is read is always younger. */
#define CTFLOW_NF_SWEEPS 3

/* Shared by all processors; written for connections, never for packets. */
struct ctflow_nf_totals {
	__u64 replaced;	  /* entries that went to `ended` */
	__u64 unmeasured; /* connections for which there was no room */
	__u64 unread;	  /* ended ones that had to give way before their end was read */
	__u64 swept;	  /* entries that sweeps removed: of connections, */
	__u64 expired;	  /* ... and of those in `ended` */
	__u64 offloaded;  /* connections that a flowtable took over */
};

/* Where the kernel has what the programs read of a connection. The loader fills it in: conntrack
 * may be a module, whose types CO-RE finds only with CAP_SYS_ADMIN. */
struct ctflow_nf_layout {
	__u32 use;	  /* of struct nf_conn: nf_conntrack.use */
	__u32 status;
	__u32 has_net;	  /* CONFIG_NET_NS */
	__u32 net;
	__u32 has_zones;  /* CONFIG_NF_CONNTRACK_ZONES */
	__u32 zone_id;
	__u32 zone_direction;
	__u32 original;	  /* struct nf_conntrack_tuple of either direction */
	__u32 reply;
	__u32 extensions; /* pointer to struct nf_ct_ext */
	__u32 accounting; /* of struct nf_ct_ext: the octet with the place of the counters */
	__u32 source_port; /* of struct nf_conntrack_tuple */
	__u32 family;
	__u32 destination;
	__u32 destination_port;
	__u32 protocol;
};

#endif
