// SPDX-License-Identifier: GPL-2.0-or-later
// How long to let events gather before they are read.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "ctflow/clock.hpp"
#include "netlink/netlink_socket.hpp"

namespace ctflow {

/// A wake-up costs as much as dozens of events, and what is sent for a few leaves in calls of its
/// own, so events may gather for longer while they do not come fast. The delay is what so many that
/// neither counts any more take to come at the rate of late, but no longer than the room in the
/// queue allows should a storm begin within it.
class BatchDelay {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// source.batch_delay; 0: events are read as soon as they are there.
  explicit BatchDelay(Milliseconds shortest) : shortest_(shortest) {}

  /// For the events that wait now. `queue`: before they are read.
  [[nodiscard]] Milliseconds next(const QueueState& queue) const {
    if (shortest_.count() == 0) return shortest_;
    if (queue.used > queue.limit / kFull) return shortest_;
    const Milliseconds longest = std::min(kLongest, room_for(queue.limit));
    if (longest <= shortest_) return shortest_;
    if (rate_ <= 0) return longest;
    const double wanted = kEnough / rate_;
    if (wanted >= static_cast<double>(longest.count())) return longest;
    return std::max(shortest_, Milliseconds(static_cast<Milliseconds::rep>(wanted)));
  }

  /// The queue was read to its end: `events` since the last time.
  void drained(std::size_t events, MonoTime now) {
    const std::chrono::duration<double, std::milli> passed = now - last_;
    last_ = now;
    if (passed.count() <= 0) return;
    // More is believed at once, less only by and by: the next of several bursts is as likely as
    // not.
    rate_ = std::max(static_cast<double>(events) / passed.count(), rate_ * kKept);
  }

 private:
  static constexpr Milliseconds kLongest{20};
  static constexpr double kEnough = 512;    ///< events
  static constexpr double kKept = 0.5;      ///< of the rate, where fewer came
  static constexpr std::size_t kFull = 16;  ///< a queue that is fuller than this part of it

  /// A quarter of the queue must hold what a storm puts into it meanwhile: 300 events a
  /// millisecond, about 1.2 kB each.
  [[nodiscard]] static Milliseconds room_for(std::size_t limit) {
    constexpr std::size_t kStorm = std::size_t{300} * 1200;
    return Milliseconds(limit / 4 / kStorm);
  }

  Milliseconds shortest_;
  MonoTime last_{};
  double rate_ = 0;  ///< events in a millisecond
};

}  // namespace ctflow
