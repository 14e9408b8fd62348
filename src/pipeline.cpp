// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {

Pipeline::Pipeline(std::vector<std::unique_ptr<Enricher>> enrichers,
                   std::vector<std::unique_ptr<Exporter>> exporters)
    : enrichers_(std::move(enrichers)), exporters_(std::move(exporters)) {}

void Pipeline::handle(Flow& flow) {
  if (!flow.present.counters) {
    // Zeros would be a lie: the kernel did not count this connection.
    ++counters_.lost_no_counters;
    return;
  }
  for (const auto& enricher : enrichers_) enricher->enrich(flow);
  for (const auto& exporter : exporters_) exporter->add(flow);
  ++counters_.exported;
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
