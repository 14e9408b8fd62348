// SPDX-License-Identifier: GPL-2.0-or-later
// A file as a whole, if it is none that could hold up its reader.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace ctflow {

struct FileText {
  std::string text{};
  std::chrono::sys_seconds written{};  ///< for the last time
};

/// The whole file, or a little more than `most` octets of it. Throws std::system_error, or
/// std::runtime_error for a pipe, socket or device; what() of both is without the file's name.
FileText read_regular_file(const std::string& file, std::size_t most);

}  // namespace ctflow
