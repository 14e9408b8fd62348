// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

namespace ctflow {

/// Lets this process have as many descriptors as its hard limit allows, and returns that number.
/// The usual soft limit of 1024 is for programs that use select(2).
std::size_t raise_descriptor_limit();

}  // namespace ctflow
