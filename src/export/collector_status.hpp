// SPDX-License-Identifier: GPL-2.0-or-later
// The status of an output to a collector, as values.
#pragma once

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/status.hpp"
#include "ctflow/transport.hpp"

namespace ctflow {

/// All of it but health, counters, what waits and what Trends adds later.
OutputStatus status_of(const CollectorConfig& config, const Transport& transport,
                       const Instant& now);

void add_backlog(OutputStatus& status, std::optional<Backlog> backlog, const Instant& now);

}  // namespace ctflow
