// SPDX-License-Identifier: GPL-2.0-or-later
// Renaming that replaces nothing.
#pragma once

#include <string>
#include <system_error>

namespace ctflow {

/// rename(2) that fails with EEXIST when there is such a file.
std::error_code rename_to_free_name(const std::string& from, const std::string& to);

}  // namespace ctflow
