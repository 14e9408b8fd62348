// SPDX-License-Identifier: GPL-2.0-or-later
// The order of the stages behind the source, and the fan-out to the outputs.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/enricher.hpp"
#include "ctflow/output.hpp"
#include "export/collector_group.hpp"
#include "export/shared_records.hpp"

namespace ctflow {

class Pipeline {
 public:
  using Enrichers = std::vector<std::unique_ptr<Enricher>>;
  using Outputs = std::vector<std::unique_ptr<Output>>;

  /// An output that no group names gets every flow report that it wants.
  Pipeline(Enrichers enrichers, Outputs outputs, const std::vector<GroupConfig>& groups = {},
           Clock clock = system_now);

  /// Takes all outputs out, so that some of them can be given to replace(). Groups that this gets
  /// again go on where they were.
  [[nodiscard]] Outputs release();
  /// Takes other stages for what follows; release() comes before it.
  void replace(Enrichers enrichers, Outputs outputs, const std::vector<GroupConfig>& groups);

  /// One flow report or event: enriched, then offered to the outputs, or counted as lost.
  void handle(Flow& flow);
  /// No more flow reports are waiting just now.
  void end_batch() {
    batch_.reset();
    hand_out();
    for (const auto& output : outputs_) output->end_batch();
  }

  /// Output::tick(), flush(), flush_at_end() and checkpoint() of all outputs.
  void tick();
  void flush();
  void flush_at_end();
  void checkpoint();
  /// Output::reopen() of all outputs.
  void reopen();

  /// The earliest deadline of outputs and groups.
  [[nodiscard]] MonoTime deadline() const;

  [[nodiscard]] const PipelineCounters& counters() const { return counters_; }
  [[nodiscard]] const Outputs& outputs() const { return outputs_; }
  [[nodiscard]] const std::vector<CollectorGroup>& groups() const { return groups_; }
  /// All that any output wants.
  [[nodiscard]] FlowKinds wants() const;

 private:
  /// Sorts the outputs into groups, those that get the same records, and others that get
  /// everything.
  void arrange(const std::vector<GroupConfig>& groups);
  /// Apart: once for each batch.
  [[gnu::noinline]] void begin_batch() { batch_ = clock_(); }
  void enrich(Flow& flow);
  void hand_on(const Flow& flow, FlowKinds kind);
  /// Offers to collectors that have the same records, and to groups.
  void share(const Flow& flow, FlowKinds kind);
  /// What was encoded for several outputs goes to them.
  void hand_out() {
    for (SharedRecords& records : shared_) records.hand_out();
  }

  Enrichers enrichers_;
  Outputs outputs_;
  std::vector<Output*> mirrors_;       ///< of outputs_: in no group, with records of their own
  std::vector<SharedRecords> shared_;  ///< of outputs_: in no group, with the records of others
  std::vector<CollectorGroup> groups_;
  std::vector<CollectorGroup> earlier_groups_;  ///< those that release() ended
  Enricher* only_enricher_ = nullptr;           ///< null: there is another number of them
  Output* only_output_ = nullptr;               ///< of mirrors_; null: there are others, or none
  SharedRecords* only_shared_ = nullptr;        ///< of shared_; the same
  Clock clock_;
  std::optional<Instant> batch_;  ///< when this batch began; nothing: between batches
  PipelineCounters counters_;
};

}  // namespace ctflow
