// SPDX-License-Identifier: GPL-2.0-or-later
// Messages on disk that no collector of a configuration sends.
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Looks at the directories of all spools, where a collector that was renamed or removed leaves its
/// files.
Findings check_spools(const Config& config);

}  // namespace ctflow
