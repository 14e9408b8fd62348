// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/from_netfilter.hpp"

#include <algorithm>
#include <utility>

#include "extras/from_bpf/connection_key.hpp"
#include "extras/from_bpf/measured_extras.hpp"
#include "process/beside.hpp"

namespace ctflow {
namespace {

/// Three of them pass before anything is removed that belongs to no connection: longer than an
/// event waits to be read.
constexpr std::chrono::seconds kSweepInterval{10};

/// Between reading the one clock and the other.
constexpr std::chrono::microseconds kClockError{2};

/// Of a direction that a flowtable has taken over: by how much more was measured than conntrack had
/// counted by then.
Counters beside(const ctflow_nf_entry& entry, int direction) {
  const ctflow_direction& seen = entry.measured.direction[direction];
  const auto excess = [](std::uint64_t measured, std::uint64_t counted) {
    return measured > counted ? measured - counted : 0;
  };
  return {excess(seen.packets, entry.counted_packets[direction]),
          excess(seen.octets, entry.counted_octets[direction])};
}

/// Of packets that took the fast path, nothing but conntrack's counters is known.
void set_offloaded_extras(const ctflow_nf_entry& entry, const Flow& flow, KernelExtras& extras) {
  const bool counted = entry.counted != 0 && flow.present.counters;
  const auto reduce = [&](DirectionExtras& direction, int index, const Counters& conntrack) {
    DirectionExtras kept;
    kept.interfaces = direction.interfaces;
    kept.has_interfaces = direction.has_interfaces;
    kept.class_of_service = direction.class_of_service;
    if (counted) {
      kept.beside = beside(entry, index);
      kept.wire = {kept.beside.packets + conntrack.packets, kept.beside.octets + conntrack.octets};
    }
    kept.has_wire = kept.continued = counted;
    direction = kept;
  };
  reduce(extras.original, 0, flow.original_counters);
  reduce(extras.reply, 1, flow.reply_counters);
}

}  // namespace

FromNetfilter::FromNetfilter(bool wire_counters, std::unique_ptr<MeasuredEntries> entries,
                             Clock clock)
    : wire_counters_(wire_counters), entries_(std::move(entries)), clock_(std::move(clock)) {
  capabilities_.origin = MeasurementOrigin::kNetfilter;
  capabilities_.times = capabilities_.interfaces = capabilities_.flags = true;
  capabilities_.counters = wire_counters_;
  offsets_.take(clock_);
}

const Capabilities& FromNetfilter::refresh() {
  const Instant now = clock_();
  if (!still_runs(sweeping_) && (!swept_ || now.steady - *swept_ >= kSweepInterval)) {
    swept_ = now.steady;
    sweeping_ = entries_->sweep();
  }
  const ctflow_nf_totals totals = entries_->totals();
  if (totals.offloaded > 0) capabilities_.counters = capabilities_.times = false;
  if (unmeasured() != unmeasured_) log_unmeasured(now);
  return capabilities_;
}

void FromNetfilter::log_unmeasured(const Instant& now) {
  if (!unmeasured_log_.allow(now.steady)) return;
  unmeasured_ = unmeasured();
  log::warn(
      "connections_unmeasured connections={} impact=\"times and interfaces of these are estimates, "
      "and their counters conntrack's\" fix=\"raise net.netfilter.nf_conntrack_max and start "
      "again: "
      "what is measured has room for as many; where addresses and ports are used again at once, "
      "more CPU time for ctflowd\"",
      unmeasured_);
}

bool FromNetfilter::predecessors_wait() const {
  const ctflow_nf_totals totals = entries_->totals();
  return totals.replaced > removed_ + totals.expired;
}

/// The kernel stamped the flow by the wall clock as it was then.
bool FromNetfilter::may_belong(const ctflow_nf_entry& entry, const Flow& flow) const {
  if (flow.present.start) {
    const MonoTime born{std::chrono::nanoseconds(static_cast<std::int64_t>(entry.born))};
    return offsets_.shown_at(born) <= flow.start + kClockError;
  }
  if (flow.event != FlowEvent::kEnded || !flow.present.counters || entry.offloaded != 0) {
    return true;
  }
  // All that conntrack has counted was measured, too.
  return entry.measured.direction[0].packets >= flow.original_counters.packets &&
         entry.measured.direction[1].packets >= flow.reply_counters.packets;
}

void FromNetfilter::add(Flow& flow) {
  if (flow.event == FlowEvent::kCreated) return;
  const Instant now = offsets_.take(clock_);
  ctflow_nf_entry entry;
  if (!find(flow, entry)) return;
  set_extras(entry.measured, flow.original.protocol, now, flow.extras);
  if (entry.offloaded != 0) {
    set_offloaded_extras(entry, flow, flow.extras);
  } else if ((flow.status & status::kOffloaded) != 0 && flow.event == FlowEvent::kEnded) {
    // No packet has said so: what the fast path had is in conntrack's counters alone. While it goes
    // on the next packet will, and what is counted by two ways in turn is reported twice.
    flow.extras = KernelExtras{};
  }
  if (wire_counters_) return;
  flow.extras.original.has_wire = false;
  flow.extras.reply.has_wire = false;
}

bool FromNetfilter::look_up(const Flow& flow, ctflow_nf_entry& entry) {
  offsets_.take(clock_);
  return find(flow, entry);
}

bool FromNetfilter::find(const Flow& flow, ctflow_nf_entry& entry) {
  // What is there under its key is of another connection.
  if ((flow.status & status::kNatClash) != 0) return false;
  const ctflow_nf_key key = connection_key(flow);
  if (flow.event == FlowEvent::kEnded && !predecessors_wait()) {
    return find_end(flow, key, entry);
  }
  if (!entries_->find(key, entry)) return false;
  return find_generation(flow, key, entry);
}

bool FromNetfilter::find_end(const Flow& flow, const ctflow_nf_key& key, ctflow_nf_entry& entry) {
  if (!entries_->take(key, entry)) return false;
  if (may_belong(entry, flow) && (flow.present.start || !predecessors_wait())) return true;
  put_back(key, entry);
  return find_generation(flow, key, entry);
}

/// What was taken is of a connection that began just now. Packets may have passed since: it counts
/// as unmeasured.
void FromNetfilter::put_back(const ctflow_nf_key& key, ctflow_nf_entry successor) {
  successor.offloaded = 1;
  successor.counted = 0;
  entries_->put_back(key, successor);
}

/// `latest` is what was there of the connection that has ended.
bool FromNetfilter::take_latest(const ctflow_nf_key& key, ctflow_nf_entry& latest) {
  ctflow_nf_entry taken;
  if (!entries_->take(key, taken)) return false;
  if (taken.born == latest.born) {
    latest = taken;
    return true;
  }
  put_back(key, taken);
  return take_ended({key, latest.generation, 0}, latest);
}

bool FromNetfilter::take_ended(const ctflow_nf_ended_key& key, ctflow_nf_entry& entry) {
  if (!entries_->find_ended(key, entry)) return false;
  if (entries_->remove_ended(key)) ++removed_;
  return true;
}

bool FromNetfilter::find_generation(const Flow& flow, const ctflow_nf_key& key,
                                    ctflow_nf_entry& latest) {
  const bool ended = flow.event == FlowEvent::kEnded;
  const bool stamped = flow.present.start;
  std::optional<std::uint32_t> chosen;
  ctflow_nf_entry found;
  for (std::uint32_t back = std::min<std::uint32_t>(latest.generation, CTFLOW_NF_GENERATIONS);
       back > 0; --back) {
    const std::uint32_t generation = latest.generation - back;
    ctflow_nf_entry entry;
    if (!entries_->find_ended({key, generation, 0}, entry)) continue;
    if (!may_belong(entry, flow)) continue;
    found = entry;
    chosen = generation;
    if (!stamped) break;  // ends come in the order of the beginnings
  }
  // One that exists has no successor.
  const bool is_latest = may_belong(latest, flow) && (stamped || !chosen || !ended);
  if (is_latest) return !ended || take_latest(key, latest);
  if (!chosen) {
    // What is further back is not looked for.
    given_way_ += ended && latest.generation > CTFLOW_NF_GENERATIONS;
    return false;
  }
  latest = found;
  if (ended && entries_->remove_ended({key, *chosen, 0})) ++removed_;
  return true;
}

}  // namespace ctflow
