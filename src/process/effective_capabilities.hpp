// SPDX-License-Identifier: GPL-2.0-or-later
// Capabilities of this process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ctflow {

/// Bits by number of the capability; nothing if the file does not say.
std::optional<std::uint64_t> effective_capabilities(
    const std::string& status_file = "/proc/thread-self/status");

}  // namespace ctflow
