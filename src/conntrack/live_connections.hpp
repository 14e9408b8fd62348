// SPDX-License-Identifier: GPL-2.0-or-later
// What was already reported of connections that still live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Turns the kernel's totals into what is new since the last report of the same connection.
/// Remembers only connections that were reported while they lived: 48 octets each, in a table that
/// is never more than three quarters full.
class LiveConnections {
 public:
  /// `limit`: connections remembered at most.
  explicit LiveConnections(std::size_t limit);

  enum class Outcome : std::uint8_t {
    kNews,     ///< the flow now holds what is new: counters, and its start
    kNothing,  ///< nothing is new, the flow is unchanged
    kFull,     ///< no room to remember: the connection must wait for its end
  };

  /// A living connection, with totals.
  Outcome report(Flow& flow);

  /// A connection that ended, with totals; it is forgotten. Never kFull.
  Outcome finish(Flow& flow);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets of the table.
  [[nodiscard]] std::size_t memory() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint64_t key = 0;  ///< 0: free
    Counters forward;
    Counters backward;
    TimePoint end{};
  };
  static_assert(sizeof(Slot) == 48);

  static std::uint64_t key_of(const Flow& flow);
  [[nodiscard]] std::size_t home(std::uint64_t key) const { return key & (slots_.size() - 1); }
  /// The slot of `key`, or the free one where it belongs.
  [[nodiscard]] std::size_t find(std::uint64_t key) const;
  void grow();
  void erase(std::size_t index);

  std::size_t limit_;
  std::size_t size_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace ctflow
