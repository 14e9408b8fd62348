// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd record`: the kernel's events as a file that `ctflowd replay` reads.
#pragma once

#include <string>

namespace ctflow {

/// Stores the kernel's events in `file_name` until SIGINT or SIGTERM. Returns the exit status;
/// throws what opening the socket or writing the file throws.
int record_events(const std::string& file_name);

}  // namespace ctflow
