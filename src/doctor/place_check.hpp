// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the places on this host that a configuration names can be used, by the user who asks.
#pragma once

#include "ctflow/config.hpp"
#include "doctor/finding.hpp"

namespace ctflow {

/// Directories of spools and files, who may read private keys, the listeners of the status. Changes
/// nothing; binds the address of status.listen for a moment.
Findings check_places(const Config& config);

}  // namespace ctflow
