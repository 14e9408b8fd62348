// SPDX-License-Identifier: GPL-2.0-or-later
// By how much the wall clock is ahead of CLOCK_MONOTONIC, and lately was. Pure: no clock.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

#include "ctflow/clock.hpp"

namespace ctflow {

class ClockOffsets {
 public:
  using Offset = std::chrono::nanoseconds;

  /// `clock` reads both, the wall clock first: where we are stopped in between it seems too early,
  /// so that the latest it seems is the truth, until it is set.
  Instant take(const Clock& clock) {
    Instant read = clock();
    for (int i = 0; i < kTries && offset_of(read) + kNoise < now_; ++i) {
      const Instant again = clock();
      if (offset_of(again) > offset_of(read)) read = again;
    }
    const Offset offset = offset_of(read);
    if (offset > now_ + kNoise || offset + kNoise < now_) {
      change(offset, read.steady);
    } else {
      now_ = std::max(now_, offset);
    }
    last_ = read.steady;
    return {TimePoint(read.steady.time_since_epoch() + now_), read.steady};
  }

  /// What the wall clock showed at `time`, which is not after the last reading. Where it was set
  /// between two readings around `time`: the earlier of what it may have shown.
  [[nodiscard]] TimePoint shown_at(MonoTime time) const {
    Offset offset = now_;
    for (std::size_t i = 0; i < count_; ++i) {
      const Change& one = changes_[(latest_ + kRemembered - i) % kRemembered];
      if (time >= one.until) break;
      offset = time < one.from ? one.before : std::min(offset, one.before);
    }
    return TimePoint(time.time_since_epoch() + offset);
  }

 private:
  /// What is more was not the cache, but the scheduler, or the clock was set …
  static constexpr std::chrono::microseconds kNoise{100};
  /// … and the scheduler does not stop us each time.
  static constexpr int kTries = 4;
  static constexpr std::size_t kRemembered = 16;

  static Offset offset_of(const Instant& read) {
    return read.wall.time_since_epoch() - read.steady.time_since_epoch();
  }

  /// Between two readings.
  struct Change {
    MonoTime from{};
    MonoTime until{};
    Offset before{};
  };

  void change(Offset offset, MonoTime when) {
    const Offset before = std::exchange(now_, offset);
    if (before == kNone) return;
    latest_ = (latest_ + 1) % kRemembered;
    changes_[latest_] = {last_, when, before};
    count_ = std::min(count_ + 1, kRemembered);
  }

  static constexpr Offset kNone = Offset::min() / 2;

  Offset now_ = kNone;
  MonoTime last_{};
  std::array<Change, kRemembered> changes_{};  ///< in a circle
  std::size_t latest_ = 0;
  std::size_t count_ = 0;
};

}  // namespace ctflow
