// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this user can use the directories, keys and sockets that a configuration names.
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Directories of spools and files, permissions of private keys, the sockets of the status. Changes
/// nothing; binds the address of status.listen for a moment, or asks who answers there.
Findings check_places(const Config& config);

}  // namespace ctflow
