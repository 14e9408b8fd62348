// SPDX-License-Identifier: GPL-2.0-or-later
// A file of the configuration, as a text.
#pragma once

#include <string>

namespace ctflow::config {

/// The whole file, or a little more than the most that SourceText takes. Throws ConfigError.
std::string file_contents(const std::string& file_name);

}  // namespace ctflow::config
