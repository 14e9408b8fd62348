// SPDX-License-Identifier: GPL-2.0-or-later
// The order of the stages behind the source, and the fan-out to the collectors.
#pragma once

#include <memory>
#include <vector>

#include "ctflow/enricher.hpp"
#include "ctflow/exporter.hpp"

namespace ctflow {

class Pipeline {
 public:
  Pipeline(std::vector<std::unique_ptr<Enricher>> enrichers,
           std::vector<std::unique_ptr<Exporter>> exporters);

  /// One connection: enriched, then given to every exporter, or counted as lost.
  void handle(Flow& flow);

  /// Exporter::tick() and flush() of all exporters.
  void tick();
  void flush();

  /// The earliest deadline of the exporters.
  [[nodiscard]] Exporter::Deadline deadline() const;

  [[nodiscard]] const PipelineCounters& counters() const { return counters_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Exporter>>& exporters() const {
    return exporters_;
  }

 private:
  std::vector<std::unique_ptr<Enricher>> enrichers_;
  std::vector<std::unique_ptr<Exporter>> exporters_;
  PipelineCounters counters_;
};

}  // namespace ctflow
