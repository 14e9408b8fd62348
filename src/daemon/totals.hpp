// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger as log lines, when an output, a namespace or ctflowd stops. Every counter is in them:
// the lines are made from the tables of observe/counter_names.hpp.
#pragma once

#include <string>

#include "ctflow/counters.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

/// In log lines, before the name of an output of this kind.
const char* log_key(const OutputDetails& details);

void log_output_totals(const OutputStatus& output);

/// `network_namespace`: its name, empty for the one that we run in; so below.
void log_interface_totals(const std::string& network_namespace, const InterfaceCounters& found,
                          const RoutingCounters& routing);
void log_source_totals(const std::string& network_namespace, const SourceCounters& source,
                       const PipelineCounters& pipeline);

/// False, and logged, when events were read and no Flow Record of them was sent, as at the end of a
/// replay with the wrong profile.
bool log_whether_exported(const Status& status);

}  // namespace ctflow
