// SPDX-License-Identifier: GPL-2.0-or-later
// Where the rows of what was counted lately are, in all tables at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "accounting/amounts.hpp"
#include "accounting/key.hpp"

namespace ctflow::accounting {

/// Most reports are of a host and a service that were counted a moment before: one look finds their
/// rows, instead of one in each table.
class RecentRows {
 public:
  /// Whose rows: of all that any table tells apart.
  struct Of {
    const Key& key;
    Minute minute;
    Direction direction;
  };

  explicit RecentRows(std::size_t tables)
      : tables_(tables), known_(kSlots), rows_(kSlots * tables) {}

  [[nodiscard]] static std::size_t slot_of(const Of& what) {
    constexpr std::uint64_t kFactor = 0x9e37'79b9'7f4a'7c15ULL;
    return ((hash_of(what.key) ^ rest_of(what)) * kFactor) >> kShift;
  }
  /// Whether the rows of a slot are those of `what`.
  [[nodiscard]] bool holds(std::size_t slot, const Of& what) const {
    const Known& known = known_[slot];
    return known.age == age_ && known.rest == rest_of(what) && known.key == what.key;
  }
  /// One of each table.
  [[nodiscard]] std::span<std::uint32_t> rows(std::size_t slot) {
    return std::span(rows_).subspan(slot * tables_, tables_);
  }

  /// The rows of a slot are those of none, while they change …
  void forget(std::size_t slot) { known_[slot].age = 0; }
  /// … and of `what` now.
  void remember(std::size_t slot, const Of& what) {
    known_[slot] = {what.key, rest_of(what), age_};
  }
  /// Rows have moved.
  void forget_all() { ++age_; }

 private:
  static constexpr unsigned kBits = 11;
  static constexpr unsigned kShift = 64 - kBits;
  static constexpr std::size_t kSlots = std::size_t{1} << kBits;

  struct Known {
    Key key{};
    std::uint64_t rest = 0;
    std::uint64_t age = 0;  ///< that of then; 0: nothing is known
  };

  [[nodiscard]] static std::uint64_t rest_of(const Of& what) {
    return static_cast<std::uint64_t>(what.minute.time_since_epoch().count()) * kDirections +
           static_cast<std::uint64_t>(what.direction);
  }

  std::size_t tables_;
  std::vector<Known> known_;
  std::vector<std::uint32_t> rows_;  ///< of each slot, one of each table
  std::uint64_t age_ = 1;
};

}  // namespace ctflow::accounting
