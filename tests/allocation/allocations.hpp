// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

namespace ctflow::test {

/// Calls of operator new since the start of this program, which replaces it for all of it.
std::size_t allocations();

}  // namespace ctflow::test
