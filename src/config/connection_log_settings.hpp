// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of a connection log.
#pragma once

#include <optional>

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

Section<ConnectionLogConfig> connection_log_settings();

/// What is wrong with all of them together, and a configuration without any output.
std::optional<Complaint> check_connection_logs(const Config& config);

}  // namespace ctflow::config
