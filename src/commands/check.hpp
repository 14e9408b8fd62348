// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd check`: checks a configuration file.
#pragma once

#include <string>

namespace ctflow {

/// Logs what collectors would read wrong and what this host lacks. Returns the exit status; throws
/// ConfigError for a file that cannot be used.
int check(const std::string& config_file);

}  // namespace ctflow
