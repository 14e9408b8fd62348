// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel settings without which exported data is wrong or missing.
#pragma once

#include <string>
#include <vector>

#include "ctflow/extras_source.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// `measured`: what is measured in the network namespace. Where ends come as records of eBPF
/// programs the kernel's events do not matter.
std::vector<Finding> check_kernel(const Capabilities& measured,
                                  const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
