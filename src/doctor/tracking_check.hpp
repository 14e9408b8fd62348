// SPDX-License-Identifier: GPL-2.0-or-later
// The checks that need nobody's answer: at start, and the first part of `ctflowd doctor`.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "doctor/finding.hpp"

namespace ctflow {

/// Of one network namespace's conntrack: settings, table, rules. To be called during a visit to it.
Findings check_tracking(const SourceConfig& config,
                        const std::string& directory = "/proc/sys/net/netfilter");

/// One log line each: findings as warnings.
void log_findings(const Findings& found);

}  // namespace ctflow
