// SPDX-License-Identifier: GPL-2.0-or-later
// The state of a database of networks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ctflow {

struct DatabaseStatus {
  const char* setting = "";  ///< of `enrich:`, such as as_database
  std::string file;
  std::string type{};                ///< as its makers call it; empty: none is in use
  std::chrono::sys_seconds built{};  ///< when it was made, as it says
  std::uint64_t loads = 0;           ///< times that the file was taken
  std::uint64_t failures = 0;        ///< times that it could not be
  std::string error{};               ///< of the last time; empty: it was taken
};

}  // namespace ctflow
