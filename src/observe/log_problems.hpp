// SPDX-License-Identifier: GPL-2.0-or-later
// The problems of one connection log, by its status.
#pragma once

#include <vector>

#include "ctflow/status.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Adds what is wrong now. `log`: output.details.
void find_output_problems(const OutputStatus& output, const ConnectionLogStatus& log,
                          std::vector<Finding>& found);

}  // namespace ctflow
