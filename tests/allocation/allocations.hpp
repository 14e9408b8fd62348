// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

namespace ctflow::test {

/// Calls of operator new since the start of this program, which replaces it for all of it.
std::size_t allocations();

/// While it lives operator new finds no memory: nothing else may happen in its time than what is
/// tested.
class NoMemory {
 public:
  NoMemory();
  ~NoMemory();
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
  NoMemory(NoMemory&&) = delete;
  NoMemory& operator=(NoMemory&&) = delete;
};

}  // namespace ctflow::test
