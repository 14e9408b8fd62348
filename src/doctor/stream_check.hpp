// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a collector accepts connections.
#pragma once

#include <chrono>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Connects as the exporter does, with TLS where it is configured, and closes the connection
/// without a message. `status`: of the same configuration; a collector that is its listener is a
/// finding. Waits for an answer no longer than `patience`.
Findings check_stream(const CollectorConfig& collector, const StatusConfig& status,
                      std::chrono::milliseconds patience);

}  // namespace ctflow
