// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd check`: checks a configuration file.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "ctflow/config.hpp"

namespace ctflow {

/// Logs what collectors would read wrong and what this host lacks. Prints the configuration with
/// all defaults if `show`, else one line if standard output is a terminal. Returns the exit status;
/// throws ConfigError for a file that cannot be used.
int check(const std::string& config_file, bool show, std::ostream& out);

/// The JSON Schema of configuration files. Returns the exit status.
int print_schema(std::ostream& out);

/// "OK: 2 collectors, 1 connection log, 3 warnings".
std::string check_summary(const Config& config, std::size_t warnings);

}  // namespace ctflow
