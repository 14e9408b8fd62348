// SPDX-License-Identifier: GPL-2.0-or-later
// A configuration file as a command of this host reads it.
#pragma once

#include <string>

#include "ctflow/config.hpp"

namespace ctflow {

/// load_config(), and the checks that need this host: no network namespace is exported twice, and
/// there is the user of `user`.
Config load_for_this_host(const std::string& file);

}  // namespace ctflow
