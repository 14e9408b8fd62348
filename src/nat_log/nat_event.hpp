// SPDX-License-Identifier: GPL-2.0-or-later
// What the event loop hands to the thread that writes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nat_log/day.hpp"
#include "nat_log/translation.hpp"

namespace ctflow::nat {

/// Why the log is incomplete for a time.
enum class HoleReason : std::uint8_t {
  kLogBegan,         ///< there was no log before
  kNotRunning,       ///< ctflowd did not run
  kEventsLost,       ///< the kernel had no room for events, or sent what could not be read
  kEventsLate,       ///< ctflowd did not run: its times of what came meanwhile are too late
  kQueueFull,        ///< more events came than could be written
  kDatabaseRefused,  ///< nothing could be written
  kDiskFull,
  kClockSet,         ///< the clock was set: these times never were, or were twice
  kTableUnreadable,  ///< the connection table could not be read
  kEventsOff,        ///< the kernel sent no events (nf_conntrack_events=0)
};

const char* name_of(HoleReason reason);

struct NatEvent {
  enum class Kind : std::uint8_t {
    kBegin,
    kEnd,
    kHole,
    kEventsOn,  ///< after a hole kEventsOff
    kVanished,  ///< a connection left the table without an event
  };

  Translation translation;    ///< of a beginning or end
  Moment began{};             ///< of an end: where `knows_begin`
  Moment ended{};             ///< of an end
  std::uint64_t missing = 0;  ///< of a hole: beginnings and ends
  Kind kind = Kind::kBegin;
  HoleReason reason{};  ///< of a hole
  bool knows_begin = true;
  bool completes = true;  ///< the last one of its connection's event
};

/// A queue of fixed size between two threads, one that pushes and one that pops. No function waits.
class NatEventQueue {
 public:
  explicit NatEventQueue(std::size_t size) : events_(size + 1) {}

  /// Places that are free, at least.
  [[nodiscard]] std::size_t room() const { return events_.size() - 1 - size(); }
  [[nodiscard]] std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    return head >= tail ? head - tail : head + events_.size() - tail;
  }
  [[nodiscard]] std::size_t capacity() const { return events_.size() - 1; }

  /// There is room.
  void push(const NatEvent& event) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    events_[head] = event;
    head_.store(head + 1 == events_.size() ? 0 : head + 1, std::memory_order_release);
  }

  /// Appends all that is there.
  void pop_all(std::vector<NatEvent>& to) {
    std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t head = head_.load(std::memory_order_acquire);
    while (tail != head) {
      to.push_back(events_[tail]);
      tail = tail + 1 == events_.size() ? 0 : tail + 1;
    }
    tail_.store(tail, std::memory_order_release);
  }

 private:
  std::vector<NatEvent> events_;
  std::atomic<std::size_t> head_{0};
  std::atomic<std::size_t> tail_{0};
};

}  // namespace ctflow::nat
