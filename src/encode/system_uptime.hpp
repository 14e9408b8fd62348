// SPDX-License-Identifier: GPL-2.0-or-later
// sysUpTime, from which NetFlow v5 and v9 count the times of records (RFC 3954 section 5.1).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "ctflow/flow.hpp"

namespace ctflow {

/// In milliseconds. Of the messages of one encoder, in their order.
class SystemUptime {
 public:
  explicit SystemUptime(TimePoint boot) : boot_(since_1970(boot)) {}

  /// That of a header whose clock says `wall`, milliseconds since 1970. Past 49.7 days the value
  /// stays and the base moves instead, so that it neither wraps nor runs backwards when the wall
  /// clock is set back.
  std::uint32_t advance(std::int64_t wall) {
    constexpr std::int64_t kLargest = std::numeric_limits<std::uint32_t>::max();
    uptime_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(wall - boot_, uptime_, kLargest));
    base_ = wall - uptime_;
    return uptime_;
  }

  /// A record's times in that message, never after its header. Where the record ends after it the
  /// clock was set back since: it is given by the clock as it is now, so that it lasts as long.
  struct Times {
    std::uint32_t start;
    std::uint32_t end;
  };
  [[nodiscard]] Times of(TimePoint start, TimePoint end) const {
    const std::int64_t set_back = std::max<std::int64_t>(since_1970(end) - base_ - uptime_, 0);
    const auto at = [&](TimePoint time) {
      return static_cast<std::uint32_t>(
          std::clamp<std::int64_t>(since_1970(time) - set_back - base_, 0, uptime_));
    };
    return {at(start), at(end)};
  }

  /// Milliseconds since 1970.
  static std::int64_t since_1970(TimePoint time) {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }

 private:
  std::int64_t boot_;         ///< milliseconds since 1970
  std::int64_t base_ = 0;     ///< when it would have been 0 by the latest message, likewise
  std::uint32_t uptime_ = 0;  ///< of the latest message
};

}  // namespace ctflow
