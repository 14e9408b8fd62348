// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this user can work in a directory.
#pragma once

#include <cstdint>
#include <string>

namespace ctflow {

enum class DirectoryUse : std::uint8_t {
  kMakeFiles,        ///< and remove them, by their names
  kMakeAndFindFiles  ///< and list them, too
};

/// Why that cannot be done in `directory`; empty: it can.
std::string obstacle_in(const std::string& directory, DirectoryUse use);

}  // namespace ctflow
