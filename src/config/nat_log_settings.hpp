// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of the NAT log.
#pragma once

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

/// Whole days with the unit d, from 1d to `most`.
ValueFormat<std::chrono::days> days(unsigned most);

Section<NatLogConfig> nat_log_settings();

}  // namespace ctflow::config
