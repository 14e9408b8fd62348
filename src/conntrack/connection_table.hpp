// SPDX-License-Identifier: GPL-2.0-or-later
// The hash table of the connections that were reported while they lived.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Tenths of a second of the steady clock since the program began: 13 years in 32 bits.
using Tenths = std::chrono::duration<std::uint32_t, std::deci>;

/// What is remembered of one connection. One cache line.
struct Remembered {
  std::uint64_t key = 0;
  Counters forward;                ///< what was reported so far
  Counters backward;               ///< what was reported so far
  TimePoint told_until{};          ///< `end` of the last report, `start` of the next
  std::uint32_t seen_packets = 0;  ///< of both directions at the last visit, modulo 2^32
  Tenths visited{};                ///< the last visit
  Tenths grown{};                  ///< the last visit that found more packets than the one before
  /// Tenths of a second from the visit before `grown` to `grown`.
  std::uint16_t window = kUnknownWindow;
  std::uint8_t pass = 0;    ///< the pass over the table that met it last
  std::uint8_t visits = 0;  ///< since the last report

  static constexpr std::uint16_t kUnknownWindow = 0xffff;
};
static_assert(sizeof(Remembered) == 64);

/// Gives the pages of a table back.
struct Unmap {
  std::size_t octets = 0;
  void operator()(Remembered* entries) const;
};

/// Open addressing with linear probing, never more than three quarters full. It doubles little by
/// little: no call costs more than a few entries, however large the table is.
class ConnectionTable {
 public:
  /// Keys 0 and 1 are reserved.
  static constexpr std::uint64_t kFirstKey = 2;

  ConnectionTable();

  /// The entry of `key`, or nullptr. Valid until the next call of find() or insert().
  Remembered* find(std::uint64_t key);

  /// A new entry for `key`, which must not be there yet. nullptr: no memory left.
  Remembered* insert(std::uint64_t key);

  /// Removes what the last find() returned.
  void erase(Remembered& entry);

  static constexpr std::size_t kSwept = ~std::size_t{0};

  /// Erases entries for which `is_stale(entry)` holds, looking at `budget` places from `position`
  /// on. Returns where to go on, or kSwept.
  template <typename Predicate>
  std::size_t sweep(std::size_t position, std::size_t budget, Predicate is_stale) {
    if (old_.capacity != 0) {
      migrate(budget);
      return position;
    }
    const std::size_t end = std::min(position + budget, current_.capacity);
    while (position < end) {
      Remembered& entry = current_.entries[position];
      if (entry.key >= kFirstKey && is_stale(entry)) {
        erase(entry);  // may move another entry here: look again
      } else {
        ++position;
      }
    }
    return position < current_.capacity ? position : kSwept;
  }

  template <typename Action>
  void for_each(Action action) {
    migrate(old_.capacity);
    for (std::size_t i = 0; i < current_.capacity; ++i) {
      if (current_.entries[i].key >= kFirstKey) action(current_.entries[i]);
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets of the table, with the free entries.
  [[nodiscard]] std::size_t memory() const {
    return (current_.capacity + old_.capacity) * sizeof(Remembered);
  }

 private:
  struct Slots {
    std::unique_ptr<Remembered[], Unmap> entries;
    std::size_t capacity = 0;  ///< a power of two, or 0

    [[nodiscard]] std::size_t home(std::uint64_t key) const { return key & (capacity - 1); }
    /// The entry of `key`, or the free one at the end of its chain.
    [[nodiscard]] Remembered& probe(std::uint64_t key) const;
  };

  /// Pages that read as zeros and cost nothing until they are used. No entries: no memory.
  static Slots allocate(std::size_t capacity);
  /// Moves up to `count` places of the old table into the current one.
  void migrate(std::size_t count);
  bool make_room();

  Slots current_;
  Slots old_;  ///< what a doubling has not moved yet
  std::size_t migrated_ = 0;
  std::size_t size_ = 0;
};

}  // namespace ctflow
