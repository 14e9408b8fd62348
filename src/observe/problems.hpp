// SPDX-License-Identifier: GPL-2.0-or-later
// The problems that a status shows, the most expensive first.
#pragma once

#include <vector>

#include "ctflow/status.hpp"
#include "findings/finding.hpp"

namespace ctflow {

std::vector<Finding> find_problems(const Status& status);

}  // namespace ctflow
