// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger as log lines, at the end of whatever it tells of.
#pragma once

#include <string>

#include "ctflow/exporter.hpp"
#include "ctflow/metrics.hpp"

namespace ctflow {

void log_collector_totals(const Exporter& exporter);

/// `network_namespace`: its name, empty for the one that we run in; so below.
void log_interface_totals(const std::string& network_namespace, const InterfaceCounters& found,
                          const RoutingCounters& routing);
void log_source_totals(const std::string& network_namespace, const SourceCounters& source,
                       const PipelineCounters& pipeline);

}  // namespace ctflow
