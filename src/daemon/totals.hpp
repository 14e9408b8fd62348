// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger as log lines, at the end of whatever it tells of.
#pragma once

#include <string>

#include "ctflow/counters.hpp"
#include "ctflow/status.hpp"
#include "export/exporter.hpp"

namespace ctflow {

void log_collector_totals(const Exporter& exporter);

/// `network_namespace`: its name, empty for the one that we run in; so below.
void log_interface_totals(const std::string& network_namespace, const InterfaceCounters& found,
                          const RoutingCounters& routing);
void log_source_totals(const std::string& network_namespace, const SourceCounters& source,
                       const PipelineCounters& pipeline);

/// False, and logged, when events were read and nothing of them came to a collector: the end of a
/// replay that was of no use.
bool log_whether_exported(const Status& status);

}  // namespace ctflow
