// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel settings without which exported data is wrong or missing.
#pragma once

#include <string>
#include <vector>

#include "findings/finding.hpp"

namespace ctflow {

std::vector<Finding> check_kernel(const std::string& directory = "/proc/sys/net/netfilter");

}  // namespace ctflow
