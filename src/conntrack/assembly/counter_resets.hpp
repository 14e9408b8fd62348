// SPDX-License-Identifier: GPL-2.0-or-later
// Which programs set the kernel's counters to zero.
#pragma once

#include <set>
#include <string>

namespace ctflow {

/// The programs running on this host that are known to set the counters of the connection table to
/// zero whenever they read them. `processes`: /proc.
std::set<std::string> programs_that_reset_counters(const std::string& processes = "/proc");

}  // namespace ctflow
