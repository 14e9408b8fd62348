// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of a collector.
#pragma once

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

Section<CollectorConfig> collector_settings();

}  // namespace ctflow::config
