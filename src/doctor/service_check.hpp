// SPDX-License-Identifier: GPL-2.0-or-later
// Whether ctflowd may load the eBPF programs that the doctor, run by root, could.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// `measured`: by whom, as the doctor found it. With `user:` ctflowd keeps what that says; else
/// ctflowd.service and its drop-ins are read, where systemd has started the host. `root`: of a file
/// system with /etc, /run, /sys and so on.
Findings check_service(const Config& config, const Capabilities& measured,
                       const std::string& root = "/");

}  // namespace ctflow
