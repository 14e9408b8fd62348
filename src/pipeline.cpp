// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {

Pipeline::Pipeline(std::vector<std::unique_ptr<Enricher>> enrichers,
                   std::vector<std::unique_ptr<Exporter>> exporters)
    : enrichers_(std::move(enrichers)), exporters_(std::move(exporters)) {}

void Pipeline::handle(Flow& flow) {
  const bool counts = flow.event == FlowEvent::kEnded || flow.event == FlowEvent::kReported;
  for (const auto& enricher : enrichers_) enricher->enrich(flow);
  // Zeros would be a lie where the kernel did not count; a session has begun or ended all the same.
  const bool uncounted = counts && !flow.present.counters;
  for (const auto& exporter : exporters_) {
    if (exporter->wants(flow) && !(uncounted && exporter->counts())) exporter->add(flow);
  }
  if (!counts) {
    ++counters_.sessions;
  } else if (uncounted) {
    ++counters_.lost_no_counters;
  } else {
    ++counters_.exported;
  }
}

void Pipeline::tick() {
  for (const auto& exporter : exporters_) exporter->tick();
}

void Pipeline::flush() {
  for (const auto& exporter : exporters_) exporter->flush();
}

Exporter::Deadline Pipeline::deadline() const {
  auto earliest = Exporter::Deadline::max();
  for (const auto& exporter : exporters_) earliest = std::min(earliest, exporter->deadline());
  return earliest;
}

}  // namespace ctflow
