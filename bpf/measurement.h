/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the measuring programs leave in their maps and send through their ring buffer, shared by
 * the programs of bpf/ and src/extras/from_bpf. Host byte order unless noted; times in ns. The
 * meaning of the measured values is that of kernel-patches/nf_conntrack_flow.h.
 */
#ifndef CTFLOWD_BPF_MEASUREMENT_H
#define CTFLOWD_BPF_MEASUREMENT_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A later packet differed from the first one: bits of ctflow_direction.changed, as enum
 * nf_ct_flow_flags. */
#define CTFLOW_IIF_CHANGED 1
#define CTFLOW_OIF_CHANGED 2
#define CTFLOW_DSCP_CHANGED 4
#define CTFLOW_ECN_CHANGED 8

/* What was seen of one direction of a connection. */
struct ctflow_direction {
	__u64 packets;	    /* as on the wire, ICMP errors included */
	__u64 octets;	    /* from the IP header to the end of the IP packet */
	__u64 first;	    /* first and last packet of the connection itself, CLOCK_MONOTONIC (coarse); */
	__u64 last;	    /* 0: none was seen */
	__u32 iif;	    /* of the first packet, 0 = this host; valid if has_iif */
	__u32 oif;	    /* valid if has_oif */
	__u32 icmp_errors;  /* how many of `packets` are ICMP errors about the connection */
	__u32 length_min;   /* of one IP packet on the wire, octets; 65535 = that or more */
	__u32 length_max;
	__u16 tcp_flags;    /* union of all segments, layout of tcpControlBits */
	__u8 tos;	    /* of the first packet */
	__u8 ttl_min;	    /* as received */
	__u8 ttl_max;
	__u8 changed;
	__u8 has_oif;
	__u8 has_iif;	    /* not if all packets took the fast path of a flowtable */
	__u8 pad[4];
};

/* Both directions: [0] original, [1] reply. */
struct ctflow_measured {
	struct ctflow_direction direction[2];
	__u64 reported;	    /* CLOCK_MONOTONIC: of the creation or the previous report */
	__u64 reported_packets; /* of both directions then */
};

/* A measured connection, by the address of its entry. */
struct ctflow_connection {
	struct ctflow_measured measured;
	__u64 interval; /* of its namespace; brought up to date by the sweep */
	__u64 netns;	/* inode number */
	__u8 created;	/* a record of its beginning is wanted */
	__u8 closed;	/* the report of its end in the sense of TCP has been sent */
	__u8 pad[6];
};

/* One direction as the kernel identifies it (struct nf_conntrack_tuple). */
struct ctflow_tuple {
	__u8 source[16];      /* network byte order; IPv4: the first four octets, the rest 0 */
	__u8 destination[16];
	__u16 source_port;    /* network byte order, as are the next two: nf_conntrack_man_proto */
	__u16 destination_port; /* ICMP: type in the first octet, code in the second */
	__u8 family;	      /* AF_INET, AF_INET6 */
	__u8 protocol;
	__u8 pad[2];
};

enum ctflow_event {
	CTFLOW_ENDED = 1,     /* the entry is about to be removed */
	CTFLOW_REPORTED = 2,  /* active timeout: totals so far */
	CTFLOW_CREATED = 3,   /* it was confirmed: only tuples, zone, mark, status */
};

/* Bits of ctflow_record.present. */
#define CTFLOW_HAS_MEASURED 1 /* the connection is measured since its first packet */
#define CTFLOW_HAS_COUNTERS 2 /* nf_conntrack_acct was on when it was created */
#define CTFLOW_HAS_START 4    /* nf_conntrack_timestamp was on when it was created */

struct ctflow_record {
	__u64 connection;     /* address of the entry: identifies it while it exists */
	__u64 time;	      /* CLOCK_MONOTONIC (coarse), of this record */
	__u64 start;	      /* nanoseconds since 1970: struct nf_conn_tstamp */
	__u64 stop;	      /* 0: not known; of an expired entry it is that of `time` + `timeout` */
	__u64 conntrack_packets[2]; /* struct nf_conn_acct */
	__u64 conntrack_octets[2];
	__u64 netns;	      /* inode number of the network namespace */
	__s64 timeout;	      /* nanoseconds left until the entry expires; negative: expired */
	__u32 status;	      /* IPS_* */
	__u32 mark;
	__u32 port_id;	      /* netlink port that asked for the removal, 0 = the kernel */
	__u16 zone;	      /* struct nf_conntrack_zone */
	__u8 zone_direction;  /* NF_CT_ZONE_DIR_* bits: 1 original, 2 reply, 3 both */
	__u8 event;	      /* enum ctflow_event */
	__u8 present;
	__u8 state;	      /* TCP, SCTP, DCCP state of the entry */
	__u8 reason;	      /* enum nf_ct_flow_reason */
	__u8 pad[5];
	struct ctflow_tuple tuple[2];
	struct ctflow_measured measured;
};

/* Settings of a watched network namespace; the key of their map is the inode number. */
struct ctflow_watch {
	__u64 interval; /* the active timeout, 0 = no reports */
	__u32 created;	/* not 0: a record for each connection that begins */
	__u32 pad;
};

/* What the programs could not do for a namespace. */
enum ctflow_loss {
	CTFLOW_LOST_ENDED,    /* records that found no room in the ring buffer, by event */
	CTFLOW_LOST_REPORTED,
	CTFLOW_LOST_CREATED,
	CTFLOW_LOST_UNMEASURED, /* connections that found no room in the map of measured ones */
	CTFLOW_LOSSES
};

struct ctflow_losses {
	__u64 count[CTFLOW_LOSSES];
};

/* What a run of the program `sweep` does: its first argument. */
enum ctflow_sweep {
	CTFLOW_SWEEP_CLOCK,  /* finds the distance of jiffies from CLOCK_MONOTONIC, no more */
	CTFLOW_SWEEP_DUE,    /* reports connections that have fallen silent */
	CTFLOW_SWEEP_ALL,   /* reports those of namespace args[1] not reported since args[2] */
};

#endif
