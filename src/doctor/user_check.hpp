// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the user that the daemon will be can use what it needs.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// `file`: of the configuration. As root with `user:` the process becomes that user, as root may
/// read and write everything: checks that follow judge with the rights of the daemon. Otherwise
/// this user is who the daemon will be, and files of earlier runs are looked at.
Findings check_user_rights(const Config& config, const std::string& file);

}  // namespace ctflow
