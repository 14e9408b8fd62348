// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {

Pipeline::Pipeline(Enrichers enrichers, Outputs outputs, const std::vector<GroupConfig>& groups,
                   Clock clock)
    : enrichers_(std::move(enrichers)), outputs_(std::move(outputs)), clock_(std::move(clock)) {
  arrange(groups);
}

void Pipeline::arrange(const std::vector<GroupConfig>& groups) {
  groups_.clear();
  mirrors_.clear();
  for (const auto& output : outputs_) mirrors_.push_back(output.get());
  for (const GroupConfig& group : groups) {
    std::vector<Exporter*> members;
    for (const std::string& name : group.collectors) {
      const auto member = std::find_if(mirrors_.begin(), mirrors_.end(),
                                       [&](const Output* one) { return one->name() == name; });
      if (member == mirrors_.end()) continue;  // the configuration was checked
      members.push_back((*member)->as_collector());
      mirrors_.erase(member);
    }
    if (members.empty()) continue;
    CollectorGroup& made = groups_.emplace_back(group, std::move(members));
    for (const CollectorGroup& before : earlier_groups_) made.continue_from(before);
  }
  earlier_groups_.clear();
  for (Output* output : mirrors_) {
    if (Exporter* const collector = output->as_collector()) collector->forget_health();
  }
  shared_ = SharedRecords::take_from(mirrors_);
  const bool is_alone = mirrors_.size() + shared_.size() + groups_.size() == 1;
  only_output_ = is_alone && !mirrors_.empty() ? mirrors_.front() : nullptr;
  only_shared_ = is_alone && !shared_.empty() ? &shared_.front() : nullptr;
  only_enricher_ = enrichers_.size() == 1 ? enrichers_.front().get() : nullptr;
}

Pipeline::Outputs Pipeline::release() {
  hand_out();
  earlier_groups_ = std::exchange(groups_, {});
  mirrors_.clear();
  shared_.clear();
  only_output_ = nullptr;
  only_shared_ = nullptr;
  return std::exchange(outputs_, {});
}

void Pipeline::replace(Enrichers enrichers, Outputs outputs,
                       const std::vector<GroupConfig>& groups) {
  only_enricher_ = nullptr;
  outputs_ = std::move(outputs);
  enrichers_ = std::move(enrichers);
  arrange(groups);
}

void Pipeline::handle(Flow& flow) {
  if (!batch_) begin_batch();
  if (only_enricher_ != nullptr) {
    only_enricher_->enrich(flow);
  } else {
    enrich(flow);
  }
  const FlowKinds kind = FlowKinds::of(flow);
  if (!FlowKinds::reports().has(kind)) return hand_on(flow, kind);
  if (only_output_ != nullptr) {
    ++counters_.exported;
    if (only_output_->wants().has(kind)) only_output_->take(flow, *batch_);
  } else if (only_shared_ != nullptr) {
    ++counters_.exported;
    if (only_shared_->wants().has(kind)) only_shared_->add(flow);
  } else {
    hand_on(flow, kind);
  }
}

// Apart, so that one enricher, and collectors that all have the same records, need nothing of it.

[[gnu::noinline]] void Pipeline::enrich(Flow& flow) {
  for (const auto& enricher : enrichers_) enricher->enrich(flow);
}

[[gnu::noinline]] void Pipeline::hand_on(const Flow& flow, FlowKinds kind) {
  for (Output* output : mirrors_) {
    if (output->wants().has(kind)) output->take(flow, *batch_);
  }
  if (!shared_.empty() || !groups_.empty()) share(flow, kind);
  if (FlowKinds::reports().has(kind)) {
    ++counters_.exported;
  } else if (FlowKinds::uncounted_reports().has(kind)) {
    ++counters_.lost_no_counters;
  } else {
    ++counters_.nat_events;
  }
}

[[gnu::noinline]] void Pipeline::share(const Flow& flow, FlowKinds kind) {
  for (SharedRecords& records : shared_) {
    if (records.wants().has(kind)) records.add(flow);
  }
  for (CollectorGroup& group : groups_) group.offer(flow, kind, *batch_);
}

FlowKinds Pipeline::wants() const {
  FlowKinds all;
  for (const auto& output : outputs_) all = all | output->wants();
  return all;
}

void Pipeline::tick() {
  end_batch();
  if (!groups_.empty()) {
    const Instant now = clock_();
    for (CollectorGroup& group : groups_) group.tick(now);
  }
  for (const auto& output : outputs_) output->tick();
}

void Pipeline::flush() {
  hand_out();
  for (const auto& output : outputs_) output->flush();
}

void Pipeline::flush_at_end() {
  hand_out();
  for (const auto& output : outputs_) output->flush_at_end();
}

void Pipeline::checkpoint() {
  hand_out();
  for (const auto& output : outputs_) output->checkpoint();
}

void Pipeline::reopen() {
  for (const auto& output : outputs_) output->reopen();
}

MonoTime Pipeline::deadline() const {
  auto earliest = MonoTime::max();
  for (const auto& output : outputs_) earliest = std::min(earliest, output->deadline());
  for (const CollectorGroup& group : groups_) earliest = std::min(earliest, group.deadline());
  return earliest;
}

}  // namespace ctflow
