// SPDX-License-Identifier: GPL-2.0-or-later
// What of a status is wrong, in the order of what it costs.
#pragma once

#include <vector>

#include "ctflow/status.hpp"
#include "observe/problem.hpp"

namespace ctflow {

std::vector<Problem> find_problems(const Status& status);

}  // namespace ctflow
