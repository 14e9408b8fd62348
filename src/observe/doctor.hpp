// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <iosfwd>
#include <string>

namespace ctflow {

/// Tells a person what the kernel's settings do to the numbers, and how to mend what costs some.
/// Returns the exit status: 0 all is well, 1 there are findings.
int run_doctor(std::ostream& out, const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
