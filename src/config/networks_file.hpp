// SPDX-License-Identifier: GPL-2.0-or-later
// The file of accounting.networks_file: networks with names, one on a line.
#pragma once

#include <string>
#include <vector>

#include "config/source_text.hpp"
#include "ctflow/accounting_config.hpp"

namespace ctflow::config {

/// Lines `ADDRESS/LENGTH NAME`; a name may have several. What follows a `#` is a comment. Throws
/// ConfigError with the file, line and column.
std::vector<NamedNetworks> networks_in(const SourceText& source);

}  // namespace ctflow::config
