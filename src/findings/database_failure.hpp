// SPDX-License-Identifier: GPL-2.0-or-later
// What to do about a database that cannot be written.
#pragma once

#include <string>

#include "ctflow/transport_status.hpp"

namespace ctflow {

enum class DatabaseUse : std::uint8_t { kNatLog, kAccounting };

/// As the log, status and metrics say it.
std::string database_fix(FailureKind kind, DatabaseUse use);

}  // namespace ctflow
