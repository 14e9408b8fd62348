// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/pipeline.hpp"

#include <algorithm>
#include <utility>

#include "ctflow/clock.hpp"

namespace ctflow {

Pipeline::Pipeline(Enrichers enrichers, Exporters exporters, const std::vector<GroupConfig>& groups,
                   Clock clock)
    : enrichers_(std::move(enrichers)), exporters_(std::move(exporters)), clock_(std::move(clock)) {
  arrange(groups);
}

void Pipeline::arrange(const std::vector<GroupConfig>& groups) {
  groups_.clear();
  mirrors_.clear();
  for (const auto& exporter : exporters_) mirrors_.push_back(exporter.get());
  for (const GroupConfig& group : groups) {
    std::vector<Exporter*> members;
    for (const std::string& name : group.collectors) {
      const auto member = std::find_if(mirrors_.begin(), mirrors_.end(),
                                       [&](const Exporter* one) { return one->name() == name; });
      if (member == mirrors_.end()) continue;  // the configuration was checked
      members.push_back(*member);
      mirrors_.erase(member);
    }
    if (!members.empty()) groups_.emplace_back(group, std::move(members));
  }
}

void Pipeline::replace(Enrichers enrichers,
                       const std::function<Exporters(Exporters& old)>& take_over,
                       const std::vector<GroupConfig>& groups) {
  exporters_ = take_over(exporters_);
  enrichers_ = std::move(enrichers);
  arrange(groups);
}

void Pipeline::handle(Flow& flow) {
  const bool counts = flow.event == FlowEvent::kEnded || flow.event == FlowEvent::kReported;
  for (const auto& enricher : enrichers_) enricher->enrich(flow);
  // Zeros would be a lie where the kernel did not count; a session has begun or ended all the same.
  const bool uncounted = counts && !flow.present.counters;
  for (Exporter* exporter : mirrors_) {
    if (exporter->wants(flow) && !(uncounted && exporter->counts())) exporter->add(flow);
  }
  for (CollectorGroup& group : groups_) group.add(flow, uncounted);
  if (!counts) {
    ++counters_.sessions;
  } else if (uncounted) {
    ++counters_.lost_no_counters;
  } else {
    ++counters_.exported;
  }
}

void Pipeline::tick() {
  if (!groups_.empty()) {
    const Instant now = clock_();
    for (CollectorGroup& group : groups_) group.tick(now);
  }
  for (const auto& exporter : exporters_) exporter->tick();
}

void Pipeline::flush() {
  for (const auto& exporter : exporters_) exporter->flush();
}

MonoTime Pipeline::deadline() const {
  auto earliest = MonoTime::max();
  for (const auto& exporter : exporters_) earliest = std::min(earliest, exporter->deadline());
  for (const CollectorGroup& group : groups_) earliest = std::min(earliest, group.deadline());
  return earliest;
}

}  // namespace ctflow
