// SPDX-License-Identifier: GPL-2.0-or-later
// Which programs set the kernel's counters to zero.
#pragma once

#include <string>

#include "observe/finding.hpp"

namespace ctflow {

/// The programs running on this host that are known to set the counters of the connection table to
/// zero whenever they read them, separated by commas; "none known" if there is none. `processes`:
/// /proc.
std::string programs_that_reset_counters(const std::string& processes = "/proc");

/// Whether a program runs that does it all the time. What a patched kernel counts itself,
/// `immune`, stays as it is.
Findings check_counter_resets(bool immune, const std::string& processes = "/proc");

}  // namespace ctflow
