// SPDX-License-Identifier: GPL-2.0-or-later
// What a running exporter knows of its collector, as a value.
#pragma once

#include "ctflow/clock.hpp"
#include "ctflow/status.hpp"
#include "export/exporter.hpp"

namespace ctflow {

/// All of it but what Trends adds later.
CollectorStatus collector_status(const Exporter& exporter, const Instant& now);

}  // namespace ctflow
