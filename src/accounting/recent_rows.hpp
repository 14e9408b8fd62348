// SPDX-License-Identifier: GPL-2.0-or-later
// Where the rows of what was counted lately are, in all tables at once, and what they lack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "accounting/amounts.hpp"
#include "accounting/key.hpp"
#include "hash/mix.hpp"

namespace ctflow::accounting {

/// Most reports are of a host and a service that were counted a moment before: one look finds their
/// rows, instead of one in each table, and one sum takes what all of them get.
class RecentRows {
 public:
  /// Whose rows: of all that any table tells apart.
  struct Of {
    const Key& key;
    Minute minute;
    Direction direction;
  };

  explicit RecentRows(std::size_t tables)
      : tables_(tables), known_(kSlots), rows_(kSlots * tables) {
    with_more_.reserve(kSlots);
  }

  [[nodiscard]] static std::size_t slot_of(const Of& what) {
    return ctflow::slot_of((hash_of(what.key) ^ rest_of(what)) * kGolden, kBits);
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

  /// For the rows of a slot, at the next take().
  void gather(std::size_t slot, const Amounts& amounts) {
    Known& known = known_[slot];
    if (!known.has_more) with_more_.push_back(static_cast<std::uint32_t>(slot));
    known.has_more = true;
    known.gathered += amounts;
  }
  /// Its rows are those of something then.
  [[nodiscard]] bool has_more(std::size_t slot) const { return known_[slot].has_more; }
  /// What was gathered for a slot, once.
  [[nodiscard]] Amounts take(std::size_t slot) { return std::exchange(known_[slot].gathered, {}); }
  /// Calls `enter(slot)` for each that has_more().
  template <typename Enter>
  void for_each_with_more(Enter enter) {
    for (const std::uint32_t slot : with_more_) {
      enter(slot);
      known_[slot].has_more = false;
    }
    with_more_.clear();
  }

  /// The rows of a slot are those of none, while they change …
  void forget(std::size_t slot) { known_[slot].age = 0; }
  /// … and of `what` now.
  void remember(std::size_t slot, const Of& what) {
    Known& known = known_[slot];
    known.key = what.key;
    known.rest = rest_of(what);
    known.age = age_;
  }
  /// Rows have moved.
  void forget_all() { ++age_; }

 private:
  static constexpr unsigned kBits = 11;
  static constexpr std::size_t kSlots = std::size_t{1} << kBits;

  struct Known {
    Key key{};
    std::uint64_t rest = 0;
    std::uint64_t age = 0;  ///< that of then; 0: nothing is known
    Amounts gathered{};     ///< for its rows
    bool has_more = false;  ///< it is in with_more_
  };

  [[nodiscard]] static std::uint64_t rest_of(const Of& what) {
    return static_cast<std::uint64_t>(what.minute.time_since_epoch().count()) * kDirections +
           static_cast<std::uint64_t>(what.direction);
  }

  std::size_t tables_;
  std::vector<Known> known_;
  std::vector<std::uint32_t> rows_;       ///< of each slot, one of each table
  std::vector<std::uint32_t> with_more_;  ///< slots
  std::uint64_t age_ = 1;
};

}  // namespace ctflow::accounting
