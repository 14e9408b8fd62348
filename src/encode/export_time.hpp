// SPDX-License-Identifier: GPL-2.0-or-later
// The time of a message, as its header has it.
#pragma once

#include <chrono>
#include <cstdint>

#include "ctflow/flow.hpp"

namespace ctflow {

/// The export time of a message header: seconds since 1970, rounded up, because headers have no
/// fraction and no flow may end after the message that reports it.
inline std::uint32_t export_seconds(TimePoint now) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(now.time_since_epoch()).count();
  return seconds > 0 ? static_cast<std::uint32_t>(seconds) : 0;
}

}  // namespace ctflow
