/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a connection gets its entry: its first packet is kept until it has survived the ruleset, other
 * processors that make the same entry are waited for.
 */
#ifndef CTFLOWD_BPF_NETFILTER_BEGIN_H
#define CTFLOWD_BPF_NETFILTER_BEGIN_H

#include "netfilter_connections.bpf.h"

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/* Another packet comes while one of a new connection has not arrived at its end: if it was dropped,
 * so was its connection. */
static __always_inline void set_aside(struct ctflow_under_way *before, unsigned long connection)
{
	struct ctflow_under_way *other;
	__u64 owner = before->owner;

	if (!owner || owner == connection || before->oif != CTFLOW_NO_INTERFACE)
		return;
	if (!load32(owner + layout.use) || load32(owner + layout.status) & IPS_CONFIRMED)
		return;
	/* This one was dropped long ago if another processor had one of a connection there since. */
	other = bpf_map_lookup_elem(&waiting, &owner);
	if (!other || other->now < before->now)
		bpf_map_update_elem(&waiting, &owner, before, BPF_ANY);
}

/* Keeps the first packet of a connection until ctflow_late(). */
static __always_inline void keep_first(struct ctflow_under_way *passing, const struct sk_buff *skb,
				       __u64 connection, const struct ctflow_packet *packet,
				       __u32 iif)
{
	struct ctflow_under_way first = {
		.skb = (__u64)skb,
		.owner = connection,
		.now = ctflow_now(),
		.packet = *packet,
		.iif = iif,
		.oif = CTFLOW_NO_INTERFACE,
		.taken = 1,
	};

	if (passing->taken) {
		bpf_map_update_elem(&waiting, &connection, &first, BPF_ANY);
		return;
	}
	passing->taken = 1;
	set_aside(passing, connection);
	*passing = first;
	passing->taken = 0;
}

/* Between what each of two processors has written and what it reads of the other's. */
static __always_inline void order(void)
{
	static __u64 word;

	__sync_val_compare_and_swap(&word, 0, 0);
}

/* What is looked for in all places where a first packet may have been kept. */
struct ctflow_search {
	__u64 owner;
	struct ctflow_under_way first; /* the latest that was found */
	bool found;
};

/* Packets that were dropped stay where they were kept, and another connection may get the same
 * address: its own packet came later. */
static __always_inline void consider(const struct ctflow_under_way *kept,
				     struct ctflow_search *search)
{
	if (kept->owner != search->owner || kept->oif != CTFLOW_NO_INTERFACE)
		return;
	if (search->found && kept->now <= search->first.now)
		return;
	search->first = *kept;
	search->found = true;
}

/* It may write another packet there meanwhile. */
static long ask_processor(__u64 processor, struct ctflow_search *search)
{
	struct ctflow_under_way *kept, copy;
	__u32 zero = 0;

	kept = bpf_map_lookup_percpu_elem(&under_way, &zero, (__u32)processor);
	if (!kept || kept->taken || kept->owner != search->owner)
		return 0;
	copy = *kept;
	order();
	if (!kept->taken && *(const volatile __u64 *)&kept->owner == search->owner)
		consider(&copy, search);
	return 0;
}

/* A packet that has waited in a queue goes on at the processor that has its verdict. The one that
 * it came to keeps it until the next packet comes there, and sets it aside then. */
static __always_inline bool search_first(__u64 connection, struct ctflow_under_way *first)
{
	struct ctflow_search search = {.owner = connection};
	struct ctflow_under_way *aside;

	bpf_loop(processors, ask_processor, &search, 0);
	aside = bpf_map_lookup_elem(&waiting, &connection);
	if (aside) {
		consider(aside, &search);
		bpf_map_delete_elem(&waiting, &connection);
	}
	*first = search.first;
	return search.found;
}

/* Has it just passed ctflow_early()? */
static __always_inline bool recall_last(__u64 connection, struct ctflow_under_way *first)
{
	struct ctflow_under_way *last;
	__u32 zero = 0;
	bool is_first;

	last = bpf_map_lookup_elem(&under_way, &zero);
	if (!last || last->taken)
		return false;
	last->taken = 1;
	is_first = last->owner == connection && last->oif == CTFLOW_NO_INTERFACE &&
		   ctflow_now() - last->now <= 2 * tick_ns;
	if (is_first) {
		*first = *last;
		last->owner = 0;
	}
	last->taken = 0;
	return is_first;
}

/* The first packet, as ctflow_early() saw it. Where that is not known (it has waited in a queue for
 * very long, or passed before the programs were attached): as it is now. */
static __always_inline void recall(const struct bpf_nf_ctx *ctx, __u64 connection,
				   struct ctflow_under_way *first)
{
	const struct sk_buff *skb = ctx->skb;

	if (recall_last(connection, first) || search_first(connection, first))
		return;
	first->now = ctflow_now();
	first->iif = skb->skb_iif;
	ctflow_parse(skb, true, 0, ctx->state->pf, &first->packet);
	if (skb->skb_iif && ctx->state->hook == NF_INET_POST_ROUTING)
		first->packet.ttl++;
}

static __always_inline void count_first(struct ctflow_direction *direction,
					const struct ctflow_under_way *first, __u32 oif)
{
	ctflow_count(direction, &first->packet, first->now);
	ctflow_set_iif(direction, first->iif);
	ctflow_set_oif(direction, oif);
}

/* A first packet whose connection has given way: others may have come before it and after it. */
static __always_inline void add_first(struct ctflow_direction *direction,
				      const struct ctflow_under_way *first, __u32 oif)
{
	struct ctflow_direction alone = {};

	count_first(&alone, first, oif);
	ctflow_merge(direction, &alone);
}

/* Two packets of one side have overtaken each other, and were translated to different addresses: the
 * kernel keeps a connection of each, the later one for a second and its answers. Which of them that
 * is shows later. */
static __always_inline void leave_both(struct ctflow_nf_entry *entry)
{
	entry->offloaded = 1;
	entry->counted = 0;
	__builtin_memset(&entry->measured, 0, sizeof(entry->measured));
}

/* Packets of both sides have crossed, or two of one side have overtaken each other: the kernel lets
 * the later ones of these connections go over to the one that was confirmed first. `entry`: what is
 * there of the key, or null. */
static __always_inline bool merge(struct ctflow_nf_entry *entry, unsigned long connection,
				  const struct ctflow_nf_key *key,
				  const struct ctflow_under_way *first, __u32 oif)
{
	struct ctflow_nf_key reply;

	if (entry) {
		if (entry->owner == connection || !is_current(entry, key))
			return false;
		make_key(&reply, connection, connection + layout.reply, 2);
		if (!is_tuple(entry->owner + layout.reply, &reply)) {
			leave_both(entry);
			return true;
		}
		add_first(&entry->measured.direction[0], first, oif);
		entry->merged = 1;
		return true;
	}
	if (key->protocol == IPPROTO_TCP)
		return false;
	make_key(&reply, connection, connection + layout.reply, 2);
	entry = bpf_map_lookup_elem(&connections, &reply);
	if (!entry || !is_current(entry, &reply) || !is_tuple(entry->owner + layout.reply, key))
		return false;
	add_first(&entry->measured.direction[1], first, oif);
	return true;
}

/* Of several processors one puts a new entry in the place of one that has ended. */
static __always_inline bool claim(const struct ctflow_nf_key *key)
{
	__u8 nothing = 0;

	return !bpf_map_update_elem(&claimed, key, &nothing, BPF_NOEXIST);
}

/* Another processor has claimed the key: this packet is added to what that one makes. False: it has
 * made nothing. */
static __always_inline bool hand_over(unsigned long connection, const struct ctflow_nf_key *key,
				      struct ctflow_under_way *first, __u32 oif)
{
	struct ctflow_nf_entry *entry;

	if (!is_settled(key)) {
		first->oif = oif;
		if (bpf_map_update_elem(&handed_over, key, first, BPF_NOEXIST)) {
			__sync_fetch_and_add(&totals.unmeasured, 1);
			return true;
		}
		order();
		if (bpf_map_lookup_elem(&claimed, key) || bpf_map_delete_elem(&handed_over, key))
			return true;
	}
	entry = bpf_map_lookup_elem(&connections, key);
	return entry && merge(entry, connection, key, first, oif);
}

/* The claim ends, and what others have handed over meanwhile is added. `found` has room for it. */
static __always_inline void settle(const struct ctflow_nf_key *key, struct ctflow_under_way *found)
{
	struct ctflow_under_way *handed;
	struct ctflow_nf_entry *entry;

	bpf_map_delete_elem(&claimed, key);
	order();
	handed = bpf_map_lookup_elem(&handed_over, key);
	if (!handed)
		return;
	*found = *handed;
	if (bpf_map_delete_elem(&handed_over, key))
		return;
	entry = bpf_map_lookup_elem(&connections, key);
	if (entry && is_current(entry, key)) {
		add_first(&entry->measured.direction[0], found, found->oif);
		entry->merged = 1;
	} else {
		__sync_fetch_and_add(&totals.unmeasured, 1);
	}
}

/* Its predecessor with the same key has ended, but the daemon may not have read that yet. */
static __always_inline void keep_ended(struct ctflow_scratch *room, const struct ctflow_nf_key *key,
				       struct ctflow_nf_entry *before)
{
	room->ended.key = *key;
	room->ended.generation = before->generation;
	room->ended.pad = 0;
	before->unowned = 0;
	if (bpf_map_update_elem(&ended, &room->ended, before, BPF_ANY))
		__sync_fetch_and_add(&totals.unread, 1);
	else
		__sync_fetch_and_add(&totals.replaced, 1);
}

/* What is there of the key is of its predecessor only. */
static __always_inline void leave_unmeasured(struct ctflow_nf_entry *before)
{
	__sync_fetch_and_add(&totals.unmeasured, 1);
	if (before) {
		before->owner = 0;
		before->merged = 0;
	}
}

/* `before`: what is there of the key, which no other replaces meanwhile, or null. */
static __always_inline void make_entry(unsigned long connection, const struct ctflow_nf_key *key,
				       struct ctflow_nf_entry *before,
				       const struct ctflow_under_way *first, __u32 oif)
{
	struct ctflow_scratch *room;
	__u32 zero = 0, taken;
	long error;

	room = bpf_map_lookup_elem(&scratch, &zero);
	if (!room)
		return;
	taken = room->taken;
	room->taken = 1;
	if (taken) {
		leave_unmeasured(before);
		return;
	}
	__builtin_memset(&room->entry, 0, sizeof(room->entry));
	room->entry.owner = connection;
	room->entry.born = bpf_ktime_get_ns();
	count_first(&room->entry.measured.direction[0], first, oif);
	if (before) {
		room->entry.generation = before->generation + 1;
		keep_ended(room, key, before);
	}
	error = bpf_map_update_elem(&connections, key, &room->entry,
				    before ? BPF_ANY : BPF_NOEXIST);
	room->taken = 0;
	if (!error || (error == -CTFLOW_EEXIST && merge(bpf_map_lookup_elem(&connections, key),
							connection, key, first, oif)))
		return;
	leave_unmeasured(before);
}

static __always_inline void begin(const struct bpf_nf_ctx *ctx, unsigned long connection, __u32 oif)
{
	struct ctflow_under_way first = {};
	struct ctflow_nf_entry *before;
	struct ctflow_nf_key key;
	bool claims = false;

	if (home != (__u64)ctx->state->net)
		home = (__u64)ctx->state->net;
	make_key(&key, connection, connection + layout.original, 1);
	recall(ctx, connection, &first);
	before = bpf_map_lookup_elem(&connections, &key);
	if (merge(before, connection, &key, &first, oif))
		return;
	if (before) {
		claims = claim(&key);
		if (!claims && hand_over(connection, &key, &first, oif))
			return;
		/* It may have gone meanwhile, or have been replaced before. */
		before = claims ? bpf_map_lookup_elem(&connections, &key) : 0;
	}
	if (!claims || !merge(before, connection, &key, &first, oif))
		make_entry(connection, &key, before, &first, oif);
	if (claims)
		settle(&key, &first);
}

#endif
