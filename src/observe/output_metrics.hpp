// SPDX-License-Identifier: GPL-2.0-or-later
// Metrics of an output: its ledger, and what only outputs of its kind have.
#pragma once

#include "ctflow/status.hpp"
#include "observe/metric_families.hpp"

namespace ctflow {

/// Names begin with the kind of the output: ctflowd_collector_, ctflowd_connection_log_,
/// ctflowd_nat_log_ or ctflowd_accounting_.
void add_output(Families& families, const OutputStatus& one, const Labels& of_namespace);

}  // namespace ctflow
