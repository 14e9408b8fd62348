// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this user can write the connection logs of a configuration.
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Files, and directories of spools. Changes nothing.
Findings check_log_places(const Config& config);

/// Whether a program listens at the socket of each log; those that can be reached get a connection
/// for a moment.
Findings check_log_readers(const Config& config);

}  // namespace ctflow
