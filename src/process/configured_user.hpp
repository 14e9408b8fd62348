// SPDX-License-Identifier: GPL-2.0-or-later
// The user that a configuration names.
#pragma once

#include "ctflow/config.hpp"
#include "process/privileges.hpp"

namespace ctflow {

/// What a ctflowd with this configuration needs after it has given up root.
KeptPrivileges needed_privileges(const Config& config);

/// For commands that look whether a configuration can be used: from here on with the rights that
/// the daemon will have, as root may read and write everything. True: root was given up. Without
/// root, or without `user:`, nothing changes. Throws std::runtime_error where the daemon could not
/// become that user.
bool judge_as_user(const Config& config);

}  // namespace ctflow
