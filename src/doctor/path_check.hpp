// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the files that a configuration names can be made, and are not each other.
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// The file of source.state_file and that of accounting.database, and whether two settings name one
/// file of which ctflowd writes one. Changes nothing.
Findings check_paths(const Config& config);

}  // namespace ctflow
