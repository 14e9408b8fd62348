// SPDX-License-Identifier: GPL-2.0-or-later
// The order of the stages behind the source, and the fan-out to the collectors.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/enricher.hpp"
#include "export/collector_group.hpp"
#include "export/exporter.hpp"

namespace ctflow {

class Pipeline {
 public:
  using Enrichers = std::vector<std::unique_ptr<Enricher>>;
  using Exporters = std::vector<std::unique_ptr<Exporter>>;

  /// An exporter that no group names gets every flow.
  Pipeline(Enrichers enrichers, Exporters exporters, const std::vector<GroupConfig>& groups = {},
           Clock clock = system_now);

  /// Takes other stages for what follows. Returns the exporters that are no longer in use.
  /// `take_over(old)` picks those of the old ones that stay and gives all that are to be used.
  void replace(Enrichers enrichers, const std::function<Exporters(Exporters& old)>& take_over,
               const std::vector<GroupConfig>& groups);

  /// One connection: enriched, then given to the exporters, or counted as lost.
  void handle(Flow& flow);

  /// Exporter::tick() and flush() of all exporters.
  void tick();
  void flush();

  /// The earliest deadline of exporters and groups.
  [[nodiscard]] MonoTime deadline() const;

  [[nodiscard]] const PipelineCounters& counters() const { return counters_; }
  [[nodiscard]] const Exporters& exporters() const { return exporters_; }
  [[nodiscard]] const std::vector<CollectorGroup>& groups() const { return groups_; }

 private:
  /// Sorts the exporters into groups and those that get everything.
  void arrange(const std::vector<GroupConfig>& groups);

  Enrichers enrichers_;
  Exporters exporters_;
  std::vector<Exporter*> mirrors_;  ///< of exporters_: in no group
  std::vector<CollectorGroup> groups_;
  Clock clock_;
  PipelineCounters counters_;
};

}  // namespace ctflow
