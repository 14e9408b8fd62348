// SPDX-License-Identifier: GPL-2.0-or-later
// Which timeouts were in force when: an entry keeps the one that was when its last packet came.
#pragma once

#include <optional>
#include <vector>

#include "conntrack/flow/last_packet.hpp"
#include "conntrack/flow/timeouts.hpp"
#include "ctflow/source_status.hpp"

namespace ctflow {

class TimeoutHistory {
 public:
  struct Period {
    Timeouts timeouts;
    Bounds in_force;  ///< at no other time; periods overlap where the change was not seen
  };

  /// Until something is read: the kernel's defaults.
  TimeoutHistory();

  /// What was read at `now`, by the wall clock. What could not be read stays as it was.
  void observe(const TimeoutsRead& read, TimePoint now);

  /// The wall clock was set.
  void shift(std::chrono::nanoseconds step);

  /// Never empty; the latest last.
  [[nodiscard]] const std::vector<Period>& periods() const { return periods_; }
  /// The one period of which all timeouts were read, or are the kernel's defaults. Null: there are
  /// several, or what was in force is not known.
  [[nodiscard]] const Period* only_period() const {
    const bool is_known = knowledge_ != TimeoutKnowledge::kNeverRead;
    return is_known && periods_.size() == 1 ? periods_.data() : nullptr;
  }
  [[nodiscard]] const Timeouts& current() const { return periods_.back().timeouts; }
  [[nodiscard]] TimeoutKnowledge knowledge() const { return knowledge_; }

 private:
  static constexpr std::size_t kRemembered = 32;

  std::vector<Period> periods_;
  std::optional<TimePoint> read_;  ///< when all could be read last
  TimeoutKnowledge knowledge_ = TimeoutKnowledge::kAssumed;
};

}  // namespace ctflow
