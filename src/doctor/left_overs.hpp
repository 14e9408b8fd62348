// SPDX-License-Identifier: GPL-2.0-or-later
// Files of earlier runs that ctflowd writes to again: they fail for ever when another user, mostly
// root, made them.
#pragma once

#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Of the spools and the state files of this configuration: those that are there.
std::vector<std::string> left_over_files(const Config& config);

/// Which of them this user cannot read and write.
Findings check_left_overs(const Config& config);

}  // namespace ctflow
