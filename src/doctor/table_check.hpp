// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the connection table is large enough, and its timeouts short enough for timely reports.
#pragma once

#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "findings/finding.hpp"

namespace ctflow {

std::vector<Finding> check_table(const SourceConfig& config, const Capabilities& measured,
                                 const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
