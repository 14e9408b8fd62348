// SPDX-License-Identifier: GPL-2.0-or-later
// The section `postgresql` of a connection log.
#pragma once

#include <optional>

#include "config/schema.hpp"

namespace ctflow::config {

Section<PostgresqlConfig> postgresql_settings();

/// What a log with `to: postgresql` lacks, or this program.
std::optional<Complaint> check_postgresql(const ConnectionLogConfig& log);

}  // namespace ctflow::config
