// SPDX-License-Identifier: GPL-2.0-or-later
// Which programs set the kernel's counters to zero.
#pragma once

#include <set>
#include <string>

#include "ctflow/source_status.hpp"

namespace ctflow {

/// The programs running on this host that are known to set the counters of the connection table to
/// zero whenever they read them. `processes`: /proc.
std::set<std::string> programs_that_reset_counters(const std::string& processes = "/proc");

/// Whether processes of other users are hidden from this one: by ProtectProc= of its service, or by
/// hidepid= of a mount of proc(5). Then nothing follows from what is not found.
bool hides_processes(const std::string& processes = "/proc");

/// Both of now.
CounterResetters find_counter_resetters();

}  // namespace ctflow
