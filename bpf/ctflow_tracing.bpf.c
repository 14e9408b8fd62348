// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures connections where conntrack handles them: fentry and fexit programs on its functions.
 * Which of two programs for one thing is loaded, and which functions there are, the loader decides
 * by the BTF of the running kernel (src/extras/from_bpf).
 */
#include "clash.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* What one CPU is about. Written without a lock: who reads compares what identifies it. */
struct cpu_state {
	/* The last packet that conntrack has looked up, and the egress interface that its direction
	 * has: most packets leave through the same, which then need no second look-up. */
	__u64 skb;
	__u64 nfct;
	__u32 oif;
	__u32 has_oif;
	/* The entry that is about to come to the table, and its packet. */
	__u64 confirm_skb;
	__u64 confirm_ct;
	__u64 loser_kept;
	/* A packet of the reply direction that old kernels give the winner's entry as one of the
	 * original direction, until it leaves. */
	__u64 mirrored_skb;
	/* The task on whose stack early_drop() runs, and the entry that nf_ct_kill_acct() removes. */
	__u64 early_drop;
	__u64 killed;
	/* Not 0 while tracked() or removed() runs. The kernel skips a program that is interrupted by
	 * itself, and another one of ours, which it does not skip, then does what was missed. */
	volatile __u32 tracking;
	volatile __u32 removing;
};

/* How often that was done, on all processors. */
__u64 late_packets = 0;
__u64 late_ends = 0;

/* In has_oif: the packet's connection is not measured. */
#define NOT_MEASURED 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the loader takes the number of possible processors */
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

static __always_inline struct cpu_state *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpu_states, &cpu);
}

/* Tasks that remove entries for another reason than a packet, by address. */
enum removal {
	REMOVAL_CLEANUP = 1,
	REMOVAL_PERIODIC = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32);
} removing_tasks SEC(".maps");

/* Packets that act_ct or Open vSwitch had tracked, each with its entry, until the stack's conntrack
 * sees them and leaves them alone. It does the same with those for which act_ct has asked its own
 * table of flows instead: these have not been counted yet. What is left of packets that never come
 * to the stack is overwritten or evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} tracked_early SEC(".maps");

/* There has been one. */
volatile __u64 tracks_early = 0;

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

static __always_inline int about_to_confirm(const struct sk_buff *skb)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu) {
		cpu->confirm_skb = (__u64)skb;
		cpu->confirm_ct = skb->_nfct & ~NFCT_INFO_MASK;
		cpu->loser_kept = 0;
	}
	return 0;
}

SEC("fentry/__nf_conntrack_confirm")
int BPF_PROG(confirm, struct sk_buff *skb)
{
	return about_to_confirm(skb);
}

/* Returns in which direction of the winner the loser's packet went. */
static __always_inline int merge_loser(const struct nf_conn *winner)
{
	__u64 key = (__u64)winner;
	__u32 zero = 0;
	struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
	const struct ctflow_loser *loser = bpf_map_lookup_elem(&losers, &zero);

	if (!connection || !loser)
		return 0;
	if (ctflow_side_of_loser(loser, winner)) {
		ctflow_merge(&connection->measured.direction[1], &loser->direction);
		return 1;
	}
	ctflow_merge(&connection->measured.direction[0], &loser->direction);
	return 0;
}

static __always_inline void tell_creation(const struct nf_conn *ct)
{
	__u64 key = (__u64)ct;
	const struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
	struct ctflow_record *record;
	__u64 netns;

	if (connection) {
		if (!connection->created)
			return;
		netns = connection->netns;
	} else {
		const struct ctflow_watch *watch;

		netns = ctflow_netns(ct, false);
		watch = bpf_map_lookup_elem(&watched, &netns);
		if (!watch || !watch->created)
			return;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		ctflow_lost(netns, CTFLOW_LOST_CREATED);
		return;
	}
	ctflow_fill(record, ct, false, CTFLOW_CREATED, netns, connection);
	bpf_ringbuf_submit(record, 0);
}

SEC("fexit/__nf_conntrack_confirm")
int BPF_PROG(confirmed, struct sk_buff *skb, int verdict)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key;

	if (!cpu || verdict != NF_ACCEPT || cpu->confirm_skb != (__u64)skb)
		return 0;
	cpu->confirm_skb = 0;
	key = skb->_nfct & ~NFCT_INFO_MASK;
	if (!key)
		return 0;
	if (key == cpu->confirm_ct)
		tell_creation((const struct nf_conn *)key);
	else if (cpu->loser_kept)
		merge_loser((const struct nf_conn *)key);
	return 0;
}

/* A packet comes back from a queue to user space. If another one has made the entry meanwhile, it is
 * here that old kernels give it that of the other. */
SEC("fentry/nf_conntrack_update")
int BPF_PROG(update, struct net *net, struct sk_buff *skb)
{
	return about_to_confirm(skb);
}

SEC("fexit/nf_conntrack_update")
int BPF_PROG(updated, struct net *net, struct sk_buff *skb)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key = skb->_nfct & ~NFCT_INFO_MASK;

	if (!cpu || cpu->confirm_skb != (__u64)skb)
		return 0;
	cpu->confirm_skb = 0;
	if (key && key != cpu->confirm_ct && cpu->loser_kept &&
	    merge_loser((const struct nf_conn *)key) == 1 &&
	    (skb->_nfct & NFCT_INFO_MASK) < IP_CT_IS_REPLY) {
		cpu->mirrored_skb = (__u64)skb;
		cpu->skb = 0; /* what is known of it is of the other direction */
	}
	return 0;
}

/* A process has made an entry through ctnetlink. */
SEC("fexit/nf_conntrack_hash_check_insert")
int BPF_PROG(inserted, struct nf_conn *ct, int error)
{
	if (!error) {
		begin((__u64)ct, ctflow_now());
		tell_creation(ct);
	}
	return 0;
}

/* The tracker removes an entry because of a packet, before that was measured. */
static __always_inline int killed_by(struct nf_conn *ct, __u32 info, struct sk_buff *skb, bool direct)
{
	struct cpu_state *cpu = this_cpu();
	__u64 key = (__u64)ct;
	struct ctflow_connection *connection;

	if (cpu)
		cpu->killed = key;
	if (ct->status & IPS_DYING)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	connection->closed = 1; /* the record of its end follows at once */
	measure(connection, skb, direct, key | (info & NFCT_INFO_MASK),
		ct->tuplehash[0].tuple.src.l3num, skb->skb_iif, ctflow_now());
	return 0;
}

SEC("fentry/nf_ct_kill_acct")
int BPF_PROG(killed_direct, struct nf_conn *ct, __u32 info, struct sk_buff *skb)
{
	return killed_by(ct, info, skb, true);
}

SEC("fentry/nf_ct_kill_acct")
int BPF_PROG(killed_probe, struct nf_conn *ct, __u32 info, struct sk_buff *skb)
{
	return killed_by(ct, info, skb, false);
}

SEC("fentry/early_drop")
int BPF_PROG(early_drop_begin)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu)
		cpu->early_drop = bpf_get_current_task();
	return 0;
}

SEC("fexit/early_drop")
int BPF_PROG(early_drop_end)
{
	struct cpu_state *cpu = this_cpu();

	if (cpu)
		cpu->early_drop = 0;
	return 0;
}

static __always_inline int task_removes(__u32 why)
{
	__u64 task = bpf_get_current_task();

	bpf_map_update_elem(&removing_tasks, &task, &why, BPF_ANY);
	return 0;
}

static __always_inline int task_is_done(void)
{
	__u64 task = bpf_get_current_task();

	bpf_map_delete_elem(&removing_tasks, &task);
	return 0;
}

SEC("fentry/nf_ct_iterate_cleanup")
int BPF_PROG(cleanup_begin)
{
	return task_removes(REMOVAL_CLEANUP);
}

SEC("fexit/nf_ct_iterate_cleanup")
int BPF_PROG(cleanup_end)
{
	return task_is_done();
}

SEC("fentry/gc_worker")
int BPF_PROG(periodic_begin)
{
	return task_removes(REMOVAL_PERIODIC);
}

SEC("fexit/gc_worker")
int BPF_PROG(periodic_end)
{
	return task_is_done();
}

/* Why an entry is removed, as the patch series tells it. */
static __always_inline __u8 reason_of(const struct nf_conn *ct, const struct ctflow_record *record)
{
	bool expired = record->timeout <= 0;
	bool tcp = record->tuple[0].protocol == IPPROTO_TCP;
	const struct cpu_state *cpu = this_cpu();
	__u64 task;

	if (record->port_id)
		return NF_CT_FLOW_REASON_NETLINK;
	task = bpf_get_current_task();
	if (!expired) {
		const __u32 *why = bpf_map_lookup_elem(&removing_tasks, &task);
		bool killed = cpu && cpu->killed == (__u64)ct;

		if ((cpu && cpu->early_drop == task) || (why && *why == REMOVAL_PERIODIC))
			return NF_CT_FLOW_REASON_EARLY_DROP;
		/* Nobody but the tracker removes these, unless an interface or a namespace goes. */
		if (tcp && !why && !killed && record->state >= TCP_CONNTRACK_TIME_WAIT)
			return NF_CT_FLOW_REASON_TCP_REOPEN;
	}
	if (tcp && record->state == TCP_CONNTRACK_TIME_WAIT)
		return NF_CT_FLOW_REASON_TCP_CLOSE;
	if (tcp && record->state == TCP_CONNTRACK_CLOSE)
		return NF_CT_FLOW_REASON_TCP_RESET;
	return expired ? NF_CT_FLOW_REASON_TIMEOUT : NF_CT_FLOW_REASON_OTHER;
}

static __always_inline int tell_end(struct nf_conn *ct, __u32 port_id)
{
	__u64 key = (__u64)ct;
	__u64 netns;
	struct ctflow_connection *connection;
	struct ctflow_record *record;

	if (ct->status & IPS_DYING)
		return 0; /* somebody else was first */

	connection = bpf_map_lookup_elem(&connections, &key);
	netns = connection ? connection->netns : ctflow_netns(ct, true);
	if (!bpf_map_lookup_elem(&watched, &netns)) {
		if (connection)
			bpf_map_delete_elem(&connections, &key);
		return 0;
	}

	/* Two may come here at once: the one that takes it out of the map tells of it. Where the map
	 * is busy both do: an end that is told twice is known again, one that nobody tells is lost. */
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		if (!connection || bpf_map_delete_elem(&connections, &key) != -CTFLOW_ENOENT)
			ctflow_lost(netns, CTFLOW_LOST_ENDED);
		return 0;
	}
	ctflow_fill(record, ct, true, CTFLOW_ENDED, netns, connection);
	record->port_id = port_id;
	record->reason = reason_of(ct, record);
	if (connection && bpf_map_delete_elem(&connections, &key) == -CTFLOW_ENOENT)
		bpf_ringbuf_discard(record, 0);
	else
		bpf_ringbuf_submit(record, 0);
	return 0;
}

/* The next entry may get the memory of this one. */
static __always_inline void forget_killed(struct cpu_state *cpu, const struct nf_conn *ct)
{
	if (cpu->killed == (__u64)ct)
		cpu->killed = 0;
}

SEC("fentry/nf_ct_delete")
int BPF_PROG(removed, struct nf_conn *ct, __u32 port_id, int report)
{
	struct cpu_state *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->removing = 1;
	tell_end(ct, port_id);
	cpu->removing = 0;
	forget_killed(cpu, ct);
	return 0;
}

/* An entry is removed while removed() is interrupted: a packet found it expired, or took its place
 * in a full table, or opened the connection again. */
SEC("fentry/nf_ct_delete")
int BPF_PROG(removed_meanwhile, struct nf_conn *ct, __u32 port_id, int report)
{
	struct cpu_state *cpu = this_cpu();

	if (!cpu || !cpu->removing)
		return 0;
	tell_end(ct, port_id);
	forget_killed(cpu, ct);
	__sync_fetch_and_add(&late_ends, 1);
	return 0;
}

/* Entries that never came to the table do not pass nf_ct_delete(). */
static __always_inline int forget_unconfirmed(struct nf_conntrack *nfct)
{
	const struct nf_conn *ct = (const struct nf_conn *)nfct;
	__u64 key = (__u64)nfct;
	unsigned long status = BPF_CORE_READ(ct, status);
	struct cpu_state *cpu;

	if (status & (IPS_CONFIRMED | IPS_TEMPLATE))
		return 0;

	cpu = this_cpu();
	if (cpu && cpu->confirm_skb && cpu->confirm_ct == key) {
		const struct ctflow_connection *connection = bpf_map_lookup_elem(&connections, &key);
		__u32 zero = 0;
		struct ctflow_loser *loser = bpf_map_lookup_elem(&losers, &zero);

		if (connection && loser) {
			loser->direction = connection->measured.direction[0];
			ctflow_fill_tuple(&loser->tuple, ct, 0);
			cpu->loser_kept = 1;
		}
	}
	bpf_map_delete_elem(&connections, &key);
	return 0;
}

SEC("fentry/nf_ct_destroy")
int BPF_PROG(freed, struct nf_conntrack *nfct)
{
	return forget_unconfirmed(nfct);
}

SEC("fentry/destroy_conntrack") /* before 5.17 */
int BPF_PROG(freed_old, struct nf_conntrack *nfct)
{
	return forget_unconfirmed(nfct);
}

struct bpf_map;

struct sweep {
	__u64 now;
	__u64 mode; /* enum ctflow_sweep */
	__u64 netns;
	__u64 before;
	bool full;
};

/* What can wait leaves half of the ring to what cannot: ends, on other processors. */
static __always_inline bool leaves_room(void)
{
	return bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) <=
	       bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 2;
}

/* Without packets nothing runs: what is due of connections that have fallen silent is told here. */
static long sweep_one(struct bpf_map *map, const __u64 *key, struct ctflow_connection *connection,
		      struct sweep *sweep)
{
	const struct nf_conn *ct = (const struct nf_conn *)*key;
	const struct ctflow_watch *watch = bpf_map_lookup_elem(&watched, &connection->netns);
	const struct ctflow_measured *measured = &connection->measured;
	unsigned long status = BPF_CORE_READ(ct, status);
	bool due;

	/* The second: its end was missed. */
	if (!watch || (status & IPS_DYING) ||
	    (!(status & IPS_CONFIRMED) && sweep->now > measured->reported + 600000000000ULL)) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	connection->interval = watch->interval;
	connection->created = watch->created != 0;
	if (!(status & IPS_CONFIRMED))
		return 0;
	if (sweep->mode == CTFLOW_SWEEP_LIVING)
		due = connection->netns == sweep->netns && measured->reported < sweep->before;
	else
		due = watch->interval && sweep->now >= measured->reported + watch->interval &&
		      measured->direction[0].packets + measured->direction[1].packets !=
			      measured->reported_packets;
	if (due && !(leaves_room() && ctflow_report(connection, ct, sweep->now))) {
		sweep->full = true; /* to be continued when the ring was read */
		return 1;
	}
	return 0;
}

/* Run by the daemon. Returns 1 if the ring had no room for all. */
SEC("raw_tp")
int sweep(struct bpf_raw_tracepoint_args *arguments)
{
	struct sweep sweep = {
		.mode = arguments->args[0],
		.netns = arguments->args[1],
		.before = arguments->args[2],
	};

	/* Not by two runs at once. */
	if (sweep.mode != CTFLOW_SWEEP_LIVING)
		ctflow_set_clock();
	if (sweep.mode == CTFLOW_SWEEP_CLOCK)
		return 0;
	sweep.now = ctflow_now();
	bpf_for_each_map_elem(&connections, sweep_one, &sweep, 0);
	return sweep.full;
}
