// SPDX-License-Identifier: GPL-2.0-or-later
// Which lines the log has.
#pragma once

#include <cstdint>

namespace ctflow {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

}  // namespace ctflow
