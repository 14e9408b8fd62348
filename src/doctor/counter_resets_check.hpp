// SPDX-License-Identifier: GPL-2.0-or-later
// Whether another program sets the kernel's counters to zero.
#pragma once

#include <string>

#include "doctor/finding.hpp"

namespace ctflow {

/// Whether a program runs that does it all the time. What a patched kernel counts itself,
/// `immune`, stays as it is. `processes`: /proc.
Findings check_counter_resets(bool immune, const std::string& processes = "/proc");

}  // namespace ctflow
