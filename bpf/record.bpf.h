/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps that all programs share, and how a connection becomes a record in the ring buffer.
 */
#ifndef CTFLOWD_BPF_RECORD_H
#define CTFLOWD_BPF_RECORD_H

#include "measure.bpf.h"

/* enum nf_ct_flow_reason */
#include "../kernel-patches/nf_conntrack_flow.h"

/* By address of the entry, which identifies it as long as it exists. Not LRU: a connection is
 * measured from its first packet to its end, or not at all. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* the loader takes nf_conntrack_max */
	__type(key, __u64);
	__type(value, struct ctflow_connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct ctflow_watch);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* the loader may choose otherwise */
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct ctflow_losses);
} losses SEC(".maps");

static __always_inline void ctflow_lost(__u64 netns, enum ctflow_loss what)
{
	struct ctflow_losses *of_namespace = bpf_map_lookup_elem(&losses, &netns);

	if (of_namespace)
		__sync_fetch_and_add(&of_namespace->count[what], 1);
}

/* A field of the entry: `direct` if the verifier knows what `ct` points to. */
#define CT_FIELD(ct, direct, field)                                                                \
	((direct) ? (ct)->field : BPF_CORE_READ(ct, field))

static __always_inline __u64 ctflow_netns(const struct nf_conn *ct, bool direct)
{
	return direct ? ct->ct_net.net->ns.inum : BPF_CORE_READ(ct, ct_net.net, ns.inum);
}

/* struct nf_conntrack_tuple, which has been the same since before 5.15: one read instead of six. */
struct ctflow_kernel_tuple {
	__u8 source[16];
	__u16 source_port;
	__u16 family;
	__u8 destination[16];
	__u16 destination_port;
	__u8 protocol;
	__u8 direction;
};

static __always_inline void ctflow_fill_tuple(struct ctflow_tuple *to, const struct nf_conn *ct,
					      int side)
{
	struct ctflow_kernel_tuple tuple;

	if (side)
		BPF_CORE_READ_INTO(&tuple, ct, tuplehash[1].tuple);
	else
		BPF_CORE_READ_INTO(&tuple, ct, tuplehash[0].tuple);
	__builtin_memcpy(to->source, tuple.source, sizeof(to->source));
	__builtin_memcpy(to->destination, tuple.destination, sizeof(to->destination));
	to->source_port = tuple.source_port;
	to->destination_port = tuple.destination_port;
	to->family = tuple.family;
	to->protocol = tuple.protocol;
	to->pad[0] = to->pad[1] = 0;
}

/* Where an extension of the entry begins, or 0. */
static __always_inline unsigned long ctflow_extension(const struct nf_ct_ext *ext, __u32 id)
{
	__u8 offset = 0;

	bpf_probe_read_kernel(&offset, 1,
			      (const __u8 *)ext + bpf_core_field_offset(struct nf_ct_ext, offset) +
				      id);
	if (!offset)
		return 0;
	return (unsigned long)ext + offset;
}

/* Counters and the time of creation are extensions, if their options are built in. */
static __always_inline void ctflow_fill_extensions(struct ctflow_record *record,
						   const struct nf_ct_ext *ext)
{
	unsigned long place;

	record->start = 0;
	record->conntrack_packets[0] = record->conntrack_packets[1] = 0;
	record->conntrack_octets[0] = record->conntrack_octets[1] = 0;
	if (!ext)
		return;

	if (bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_ACCT)) {
		place = ctflow_extension(ext, bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_ACCT));
		if (place) {
			struct ctflow_counter counters[2];

			bpf_probe_read_kernel(counters, sizeof(counters), (const void *)place);
			record->conntrack_packets[0] = counters[0].packets;
			record->conntrack_octets[0] = counters[0].octets;
			record->conntrack_packets[1] = counters[1].packets;
			record->conntrack_octets[1] = counters[1].octets;
			record->present |= CTFLOW_HAS_COUNTERS;
		}
	}
	if (bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP)) {
		place = ctflow_extension(ext,
					 bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP));
		if (place) {
			bpf_probe_read_kernel(&record->start, sizeof(record->start),
					      (const void *)place);
			record->present |= CTFLOW_HAS_START;
		}
	}
}

/* Read by probe always: old verifiers do not see through the union. */
static __always_inline __u8 ctflow_protocol_state(const struct nf_conn *ct, __u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return BPF_CORE_READ(ct, proto.tcp.state);
	if (protocol == IPPROTO_SCTP && bpf_core_field_exists(ct->proto.sctp))
		return BPF_CORE_READ(ct, proto.sctp.state);
	if (protocol == IPPROTO_DCCP && bpf_core_field_exists(ct->proto.dccp))
		return BPF_CORE_READ(ct, proto.dccp.state);
	return 0;
}

/* All but `reason` and `port_id`. `connection` may be NULL: it is not measured. */
static __always_inline void ctflow_fill(struct ctflow_record *record, const struct nf_conn *ct,
					bool direct, __u8 event, __u64 netns,
					const struct ctflow_connection *connection)
{
	__s32 left = (__s32)(CT_FIELD(ct, direct, timeout) - (__u32)bpf_jiffies64());

	record->connection = (__u64)ct;
	record->time = ctflow_now();
	record->stop = 0;
	record->netns = netns;
	record->timeout = (__s64)left * (__s64)tick_ns;
	record->status = CT_FIELD(ct, direct, status);
	record->mark = bpf_core_field_exists(ct->mark) ? CT_FIELD(ct, direct, mark) : 0;
	record->port_id = 0;
	record->zone = 0;
	record->zone_direction = 3;
	if (bpf_core_field_exists(ct->zone)) {
		record->zone = CT_FIELD(ct, direct, zone.id);
		record->zone_direction = CT_FIELD(ct, direct, zone.dir);
	}
	record->event = event;
	record->present = 0;
	record->reason = NF_CT_FLOW_REASON_UNSPEC;
	__builtin_memset(record->pad, 0, sizeof(record->pad));
	ctflow_fill_tuple(&record->tuple[0], ct, 0);
	ctflow_fill_tuple(&record->tuple[1], ct, 1);
	record->state = ctflow_protocol_state(ct, record->tuple[0].protocol);
	ctflow_fill_extensions(record, CT_FIELD(ct, direct, ext));
	if (connection) {
		record->measured = connection->measured;
		record->present |= CTFLOW_HAS_MEASURED;
	} else {
		__builtin_memset(&record->measured, 0, sizeof(record->measured));
	}
}

/* Totals so far, of a connection that goes on. Returns false if the ring has no room. */
static __always_inline bool ctflow_report(struct ctflow_connection *connection,
					  const struct nf_conn *ct, __u64 now)
{
	struct ctflow_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);

	if (!record)
		return false;
	connection->measured.reported = now;
	connection->measured.reported_packets = connection->measured.direction[0].packets +
						connection->measured.direction[1].packets;
	ctflow_fill(record, ct, false, CTFLOW_REPORTED, connection->netns, connection);
	bpf_ringbuf_submit(record, 0);
	return true;
}

/* In the packet path. Another CPU may have reported meanwhile. */
static __always_inline void ctflow_report_if_due(struct ctflow_connection *connection,
						 const struct nf_conn *ct, __u64 now)
{
	__u64 reported = connection->measured.reported;

	if (connection->interval && now >= reported + connection->interval &&
	    __sync_val_compare_and_swap(&connection->measured.reported, reported, now) ==
		    reported &&
	    !ctflow_report(connection, ct, now))
		ctflow_lost(connection->netns, CTFLOW_LOST_REPORTED);
}

#endif
