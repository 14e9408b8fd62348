// SPDX-License-Identifier: GPL-2.0-or-later
// The file of accounting.services_file: services(5), such as /etc/services.
#pragma once

#include <string>
#include <vector>

#include "config/source_text.hpp"
#include "ctflow/accounting_config.hpp"

namespace ctflow::config {

/// Lines `NAME PORT/PROTOCOL [ALIAS…]`; a name may have several. What follows a `#` is a comment.
/// Throws ConfigError with the file, line and column.
std::vector<NamedService> services_in(const SourceText& source);

}  // namespace ctflow::config
