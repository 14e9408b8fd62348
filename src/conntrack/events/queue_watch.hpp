// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from the state of the event socket's queue: more room, and the count of what is
// lost.
#pragma once

#include <algorithm>

#include "netlink/netlink_socket.hpp"

namespace ctflow {

class QueueWatch {
 public:
  /// `growth_limit`: octets beyond which the queue is not to grow.
  explicit QueueWatch(std::size_t growth_limit) : growth_limit_(growth_limit) {}

  /// Octets that the queue should have from now on; 0: as many as it has.
  [[nodiscard]] std::size_t wanted(const QueueState& queue) {
    most_used_ = std::max(most_used_, queue.used);
    const bool short_of_room = queue.used > queue.limit / 2 || queue.dropped != dropped_;
    if (!short_of_room || queue.limit >= growth_limit_) return 0;
    return std::min(queue.limit * 2, growth_limit_);
  }

  /// The kernel grants no more than that.
  void limit_growth(std::size_t octets) { growth_limit_ = octets; }

  /// Datagrams that found no room since the last call.
  [[nodiscard]] std::uint32_t take_dropped(const QueueState& queue) {
    const std::uint32_t news = queue.dropped - dropped_;  // the kernel's counter wraps
    dropped_ = queue.dropped;
    return news;
  }

  [[nodiscard]] std::size_t most_used() const { return most_used_; }

 private:
  std::size_t growth_limit_;
  std::size_t most_used_ = 0;
  std::uint32_t dropped_ = 0;
};

}  // namespace ctflow
