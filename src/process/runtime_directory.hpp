// SPDX-License-Identifier: GPL-2.0-or-later
// Where files are that outlive this process and not the machine's boot.
#pragma once

#include <string>

namespace ctflow {

/// The first one of RUNTIME_DIRECTORY (systemd.exec(5)), or else /run/ctflowd.
std::string runtime_directory();

}  // namespace ctflow
