// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace ctflow {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

}  // namespace ctflow
