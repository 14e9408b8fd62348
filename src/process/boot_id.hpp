// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the machine has booted since.
#pragma once

#include <string>

namespace ctflow {

inline constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";

/// The kernel's random number of this boot, as text. Empty: it cannot be read.
std::string boot_id(const char* file = kBootIdFile);

}  // namespace ctflow
