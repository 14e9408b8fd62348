// SPDX-License-Identifier: GPL-2.0-or-later
// The checks of connection tracking, without any network traffic: at the start and as a part of
// `ctflowd doctor`.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Settings, table and rules of the network namespace that this thread is in, where that is
/// measured.
Findings check_tracking(const SourceConfig& config, const Capabilities& measured,
                        const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
