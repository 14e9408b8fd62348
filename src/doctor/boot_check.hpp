// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the settings that the counters depend on are still there after the next boot.
#pragma once

#include <string>

#include "findings/finding.hpp"

namespace ctflow {

/// For the network namespace of process 1, which has at each boot what the files of sysctl.d(5)
/// say, or a parameter of nf_conntrack: not for other namespaces, nor in a container, whose
/// settings are the host's. /etc/sysctl.conf counts where a link in a directory of sysctl.d or an
/// init script has it read.
///
/// `root`: of a file system with /proc, /etc and so on. `release`: of the kernel, as `uname -r` has
/// it; empty: the running one's.
Findings check_boot(const std::string& root = "/", std::string release = {});

}  // namespace ctflow
