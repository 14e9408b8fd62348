// SPDX-License-Identifier: GPL-2.0-or-later
// Extras measured by eBPF programs at netfilter's hooks.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "ctflow/clock.hpp"
#include "ctflow/extras_source.hpp"
#include "extras/from_bpf/clock_offsets.hpp"
#include "extras/from_bpf/measured_entries.hpp"
#include "log/log.hpp"

namespace ctflow {

/// Looks each connection up that an event or a scan is of, and removes what was measured of it
/// once it has ended. The programs do not see packets that a flowtable forwards: a connection keeps
/// what was measured of its interfaces then, and its counters are those of the wire until it was
/// offloaded and conntrack's from then on.
class FromNetfilter final : public ExtrasSource {
 public:
  /// `wire_counters`: use the counters of the wire (source.wire_counters).
  FromNetfilter(bool wire_counters, std::unique_ptr<MeasuredEntries> entries,
                Clock clock = system_now);

  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override;
  void add(Flow& flow) override;
  /// What the programs measured of the connection that `flow` is of; once that has ended it is
  /// removed. False: it was not measured, or that is not sure.
  bool look_up(const Flow& flow, ctflow_nf_entry& entry);
  [[nodiscard]] std::uint64_t unmeasured() const override {
    return entries_->totals().unmeasured + given_way_;
  }

 private:
  bool find(const Flow& flow, ctflow_nf_entry& entry);
  bool find_end(const Flow& flow, const ctflow_nf_key& key, ctflow_nf_entry& entry);
  void put_back(const ctflow_nf_key& key, ctflow_nf_entry successor);
  bool take_latest(const ctflow_nf_key& key, ctflow_nf_entry& latest);
  bool take_ended(const ctflow_nf_ended_key& key, ctflow_nf_entry& entry);
  /// Among `latest` and the predecessors that had to give way to it.
  bool find_generation(const Flow& flow, const ctflow_nf_key& key, ctflow_nf_entry& latest);
  /// The connection that `entry` was measured of may be the one that `flow` is of, and was not
  /// there before.
  [[nodiscard]] bool may_belong(const ctflow_nf_entry& entry, const Flow& flow) const;
  [[nodiscard]] bool predecessors_wait() const;
  void log_unmeasured(const Instant& now);

  bool wire_counters_;
  std::unique_ptr<MeasuredEntries> entries_;
  std::future<void> sweeping_;
  Clock clock_;
  Capabilities capabilities_;
  ClockOffsets offsets_;
  std::uint64_t removed_ = 0;     ///< predecessors, by us
  std::uint64_t given_way_ = 0;   ///< to more successors than ends are kept of
  std::uint64_t unmeasured_ = 0;  ///< connections, as last logged
  std::optional<MonoTime> swept_;
  log::RateLimit unmeasured_log_;
};

}  // namespace ctflow
