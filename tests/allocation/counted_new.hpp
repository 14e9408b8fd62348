// SPDX-License-Identifier: GPL-2.0-or-later
// Counts the calls of operator new, which it replaces for the whole program.
#pragma once

#include <cstddef>

namespace ctflow::test {

std::size_t allocations();

}  // namespace ctflow::test
