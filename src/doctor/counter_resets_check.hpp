// SPDX-License-Identifier: GPL-2.0-or-later
// Whether another program sets the kernel's counters to zero.
#pragma once

#include <string>

#include "findings/finding.hpp"

namespace ctflow {

/// Whether a program runs that does so regularly. `immune`: a patched kernel has counters of its
/// own. `processes`: /proc.
Findings check_counter_resets(bool immune, const std::string& processes = "/proc");

}  // namespace ctflow
