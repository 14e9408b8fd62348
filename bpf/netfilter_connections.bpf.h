/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ctflow_netfilter.bpf.c keeps of connections and packets, and how it finds it.
 */
#ifndef CTFLOWD_BPF_NETFILTER_CONNECTIONS_H
#define CTFLOWD_BPF_NETFILTER_CONNECTIONS_H

#include "measure.bpf.h"
#include "netfilter_maps.h"

#define CTFLOW_NO_INTERFACE 0xffffffff

/* A packet between the two hooks. */
struct ctflow_under_way {
	__u64 skb;
	__u64 owner;
	__u64 now;
	struct ctflow_packet packet; /* only of new connections, as the rest */
	__u32 iif;
	__u32 oif; /* of the packets before, or CTFLOW_NO_INTERFACE */
	/* Not 0 while it is written or read: a packet that this host sends may be interrupted by one
	 * that comes in, or that a timer sends. */
	volatile __u32 taken;
	__u32 pad;
};

struct ctflow_scratch {
	struct ctflow_nf_entry entry;
	struct ctflow_nf_ended_key ended;
	volatile __u32 taken; /* not 0 while in use, as above */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* the loader stores nf_conntrack_max */
	__type(key, struct ctflow_nf_key);
	__type(value, struct ctflow_nf_entry);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ctflow_nf_ended_key);
	__type(value, struct ctflow_nf_entry);
} ended SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctflow_under_way);
} under_way SEC(".maps");

/* First packets that wait in a queue (nfqueue) while others pass, or that have interrupted one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct ctflow_under_way);
} waiting SEC(".maps");

/* Keys whose entry a processor is about to replace by that of a new connection. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct ctflow_nf_key);
	__type(value, __u8);
} claimed SEC(".maps");

/* First packets that came to another processor meanwhile: they are added to what that one has made. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct ctflow_nf_key);
	__type(value, struct ctflow_under_way);
} handed_over SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctflow_scratch);
} scratch SEC(".maps");

const volatile struct ctflow_nf_layout layout = {};
const volatile __u32 processors = 1; /* the loader stores how many there may be */
struct ctflow_nf_totals totals = {};

/* Loads from any address of the kernel; a bad one reads 0. Any type will do that is as long. */
static __always_inline __u64 load64(unsigned long address)
{
	return *(const __u64 *)CTFLOW_CAST(address, struct in6_addr);
}

static __always_inline __u32 load32(unsigned long address)
{
	return *(const __u32 *)CTFLOW_CAST(address, struct in6_addr);
}

static __always_inline __u16 load16(unsigned long address)
{
	return *(const __u16 *)CTFLOW_CAST(address, struct in6_addr);
}

static __always_inline __u8 load8(unsigned long address)
{
	return *(const __u8 *)CTFLOW_CAST(address, struct in6_addr);
}

static __always_inline void load_address(__u8 *to, unsigned long address)
{
	const __u64 *words = (const __u64 *)CTFLOW_CAST(address, struct in6_addr);

	((__u64 *)to)[0] = words[0];
	((__u64 *)to)[1] = words[1];
}

/* `direction`: as below. */
static __always_inline __u16 zone_of(unsigned long connection, __u8 direction)
{
	if (layout.has_zones && load8(connection + layout.zone_direction) & direction)
		return load16(connection + layout.zone_id);
	return 0;
}

/* `tuple`: address of a struct nf_conntrack_tuple; `direction`: it is of, bits of NF_CT_ZONE_DIR. */
static __always_inline void make_key(struct ctflow_nf_key *key, unsigned long connection,
				     unsigned long tuple, __u8 direction)
{
	load_address(key->source, tuple);
	load_address(key->destination, tuple + layout.destination);
	key->source_port = load16(tuple + layout.source_port);
	key->destination_port = load16(tuple + layout.destination_port);
	key->family = load8(tuple + layout.family);
	key->protocol = load8(tuple + layout.protocol);
	key->zone = zone_of(connection, direction);
}

static __always_inline bool is_tuple(unsigned long tuple, const struct ctflow_nf_key *key)
{
	const __u64 *wanted = (const __u64 *)key;
	unsigned long destination = tuple + layout.destination;

	return load64(tuple) == wanted[0] && load64(tuple + 8) == wanted[1] &&
	       load64(destination) == wanted[2] && load64(destination + 8) == wanted[3] &&
	       load16(tuple + layout.source_port) == key->source_port &&
	       load16(tuple + layout.destination_port) == key->destination_port &&
	       load8(tuple + layout.family) == key->family &&
	       load8(tuple + layout.protocol) == key->protocol;
}

/* The struct net whose connections are measured; 0: none has begun yet. */
static __u64 home;

/* The memory of a connection may have been given to another one, or be free. All namespaces and
 * zones take from the same memory, and may have connections of the same addresses and ports. */
static __always_inline bool is_there(unsigned long owner, const struct ctflow_nf_key *key)
{
	if (!owner || !load32(owner + layout.use) || !is_tuple(owner + layout.original, key))
		return false;
	return (!layout.has_net || load64(owner + layout.net) == home) &&
	       zone_of(owner, 1) == key->zone;
}

static __always_inline bool is_alive(unsigned long owner, const struct ctflow_nf_key *key)
{
	return is_there(owner, key) && !(load32(owner + layout.status) & IPS_DYING);
}

/* The kernel confirms a connection as soon as ctflow_late() has made its entry. */
#define CTFLOW_CONFIRMED_AFTER 250000000 /* ns */

/* Whether packets are still added to it. Its memory may have been given to a connection of the same
 * key that has not come to ctflow_late() yet, where it takes the place of this entry. */
static __always_inline bool is_current(const struct ctflow_nf_entry *entry,
				       const struct ctflow_nf_key *key)
{
	__u64 owner = entry->owner;

	if (!is_alive(owner, key))
		return false;
	return load32(owner + layout.status) & IPS_CONFIRMED ||
	       (!entry->confirmed && bpf_ktime_get_ns() - entry->born < CTFLOW_CONFIRMED_AFTER);
}

static __always_inline bool is_second_pass(const struct sk_buff *skb, const struct net_device *device)
{
	unsigned long flags;

	if (!device)
		return false;
	if (device->ifindex == LOOPBACK_IFINDEX)
		return true;
	flags = BPF_CORE_READ_BITFIELD(device, priv_flags);
	return flags & IFF_L3MDEV_MASTER || BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK;
}

/* The same of a packet that this host sends: one of a VRF passes with the device of the VRF as well,
 * one that IPVS forwards was received before. */
static __always_inline bool is_sent_again(const struct sk_buff *skb, const struct net_device *out)
{
	return (out && BPF_CORE_READ_BITFIELD(out, priv_flags) & IFF_L3MDEV_MASTER) ||
	       ctflow_is_of_ipvs(skb);
}

/* A flowtable takes over: what conntrack has counted until here is continued by it alone. */
static __always_inline void give_up(struct ctflow_nf_entry *entry, unsigned long connection)
{
	unsigned long extensions = load64(connection + layout.extensions);
	__u8 offset = extensions ? load8(extensions + layout.accounting) : 0;

	if (offset) {
		for (int i = 0; i < 2; i++) {
			entry->counted_packets[i] = load64(extensions + offset + 16 * i);
			entry->counted_octets[i] = load64(extensions + offset + 16 * i + 8);
		}
		entry->counted = 1;
	}
	entry->offloaded = 1;
	__sync_fetch_and_add(&totals.offloaded, 1);
}

/* How often to look whether another processor is ready: it needs a microsecond, unless something
 * interrupts it. */
#define CTFLOW_LOOKS 2048

/* Whether nothing, or after some time nothing any more, is about to be replaced. */
static __always_inline bool is_settled(const struct ctflow_nf_key *key)
{
	for (int i = 0; i < CTFLOW_LOOKS; i++)
		if (!bpf_map_lookup_elem(&claimed, key))
			return true;
	return false;
}

/* The entry of a confirmed connection; null: it is not measured. */
static __always_inline struct ctflow_nf_entry *find(unsigned long connection)
{
	struct ctflow_nf_entry *entry;
	struct ctflow_nf_key key;
	__u64 owner;

	make_key(&key, connection, connection + layout.original, 1);
	entry = bpf_map_lookup_elem(&connections, &key);
	if (entry && entry->owner != connection && is_settled(&key))
		entry = bpf_map_lookup_elem(&connections, &key);
	if (!entry)
		return 0;
	owner = entry->owner;
	if (owner != connection) {
		/* Another processor may find the same, and be faster. */
		if (entry->merged &&
		    __sync_val_compare_and_swap(&entry->owner, owner, connection) == owner)
			entry->merged = 0;
		else if (__sync_val_compare_and_swap(&entry->owner, connection, connection) !=
			 connection)
			return 0;
	}
	if (!entry->confirmed)
		entry->confirmed = 1;
	return entry;
}

#endif
