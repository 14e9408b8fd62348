// SPDX-License-Identifier: GPL-2.0-or-later
// Who asked the log, and what.
#pragma once

#include <string>

namespace ctflow::nat {

/// Sends a line to the system log (authpriv.notice): who runs this process, and `what`, which is
/// `event key=value …`. False: nothing takes it.
bool record_use(const std::string& what, const char* socket = "/dev/log");

}  // namespace ctflow::nat
