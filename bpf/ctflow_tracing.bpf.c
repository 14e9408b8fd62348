// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures connections where conntrack handles them: fentry and fexit programs on its functions.
 * Which of two programs for one thing is loaded, and which functions there are, the loader decides
 * by the BTF of the running kernel (src/extras/from_bpf).
 */
#include "tracing_creation.bpf.h"
#include "tracing_packets.bpf.h"
#include "tracing_removal.bpf.h"
#include "tracing_state.bpf.h"

char LICENSE[] SEC("license") = "GPL";

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

/* Without packets nothing runs: what is due of connections that have fallen silent is reported here. */
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
	if (sweep->mode == CTFLOW_SWEEP_ALL)
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
	if (sweep.mode != CTFLOW_SWEEP_ALL)
		ctflow_set_clock();
	if (sweep.mode == CTFLOW_SWEEP_CLOCK)
		return 0;
	sweep.now = ctflow_now();
	bpf_for_each_map_elem(&connections, sweep_one, &sweep, 0);
	return sweep.full;
}
