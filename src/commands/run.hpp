// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd run`: exports until stopped by a signal.
#pragma once

#include <string>

namespace ctflow {

/// Returns the exit status; throws ConfigError, or what start-up throws.
int run(const std::string& config_file);

}  // namespace ctflow
