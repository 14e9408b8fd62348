// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this user can use the databases of a configuration.
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Opens those that an output asks for.
Findings check_databases(const Config& config);

}  // namespace ctflow
