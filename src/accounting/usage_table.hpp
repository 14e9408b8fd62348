// SPDX-License-Identifier: GPL-2.0-or-later
// What one aggregate counted and was not written yet, within a bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "accounting/amounts.hpp"
#include "accounting/key.hpp"

namespace ctflow::accounting {

/// A row of one minute.
struct Cell {
  Key key;
  Minute minute{};
  Direction direction = Direction::kIn;
  Amounts amounts;
  /// Octets that it has at most, counting what it may have had before it last lost its place (as in
  /// Space-Saving): decides which cells make room.
  std::uint64_t weight = 0;
};

/// When a cell finds no room, the smallest are added to `others`, whole: the sum of all never
/// changes.
class UsageTable {
 public:
  /// `most`: cells, at least 1.
  explicit UsageTable(std::size_t most);

  /// Returns the number of the cell, which stays until merged() changes or clear().
  std::uint32_t add(const Key& key, Minute minute, Direction direction, const Amounts& amounts);
  /// The same where it is known.
  void add_to(std::uint32_t number, const Amounts& amounts) {
    Cell& cell = cells_[number];
    cell.amounts += amounts;
    cell.weight += amounts.octets();
  }

  /// The next new cell makes others lose their place.
  [[nodiscard]] bool full() const { return cells_.size() >= most_; }

  [[nodiscard]] const std::vector<Cell>& cells() const { return cells_; }
  /// Of cells that lost their place.
  [[nodiscard]] const std::map<std::pair<Minute, Direction>, Amounts>& others() const {
    return others_;
  }
  /// Cells that were added to others(), since the last clear().
  [[nodiscard]] std::uint64_t merged() const { return merged_; }

  /// Keeps its memory.
  void clear();

 private:
  [[nodiscard]] std::size_t slot_of(const Key& key, Minute minute, Direction direction) const;
  void make_room();
  void reindex(std::size_t slots);

  std::size_t most_;
  std::vector<Cell> cells_;
  std::vector<std::uint32_t> index_;  ///< of cells + 1 by hash, 0 = free; its size is a power of 2
  std::map<std::pair<Minute, Direction>, Amounts> others_;
  std::uint64_t threshold_ = 0;  ///< the greatest weight that was added to others()
  std::uint64_t merged_ = 0;
};

}  // namespace ctflow::accounting
