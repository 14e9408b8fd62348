// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/usage_table.hpp"

#include <algorithm>

#include "hash/mix.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::size_t kFirstSlots = 256;

std::size_t place_of(const Key& key, Minute minute, Direction direction) {
  constexpr unsigned kHalf = 32;
  const auto rest = static_cast<std::uint64_t>(minute.time_since_epoch().count()) * kDirections +
                    static_cast<std::uint64_t>(direction);
  const std::uint64_t hash = hash_words(hash_of(key), rest);
  return static_cast<std::size_t>(hash ^ hash >> kHalf);
}

}  // namespace

UsageTable::UsageTable(std::size_t most) : most_(std::max<std::size_t>(most, 1)) {
  // Address space; memory is taken as cells come. A vector that grew would leave its earlier memory
  // behind, as much as it has.
  constexpr std::size_t kMostReserved = 32'768;
  try {
    cells_.reserve(std::min(most_, kMostReserved));
  } catch (const std::bad_alloc& /*more than there is at once*/) {
    // It grows then, as others do.
  }
  index_.resize(kFirstSlots);
}

/// Where it is, or the free place where it would be.
inline std::size_t UsageTable::slot_of(const Key& key, Minute minute, Direction direction) const {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = place_of(key, minute, direction) & mask;
  while (index_[slot] != 0) {
    const Cell& cell = cells_[index_[slot] - 1];
    if (cell.minute == minute && cell.direction == direction && cell.key == key) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

std::uint32_t UsageTable::add(const Key& key, Minute minute, Direction direction,
                              const Amounts& amounts) {
  std::size_t slot = slot_of(key, minute, direction);
  if (index_[slot] == 0) {
    if (full()) {
      make_room();
      slot = slot_of(key, minute, direction);
    } else if (cells_.size() * 2 >= index_.size()) {
      reindex(index_.size() * 2);
      slot = slot_of(key, minute, direction);
    }
    cells_.push_back({key, minute, direction, {}, threshold_});
    index_[slot] = static_cast<std::uint32_t>(cells_.size());
  }
  const std::uint32_t number = index_[slot] - 1;
  add_to(number, amounts);
  return number;
}

/// An eighth of them at once: looking for the smallest takes as long as looking at all.
void UsageTable::make_room() {
  constexpr std::size_t kPart = 8;
  const std::size_t count = std::max<std::size_t>(1, cells_.size() / kPart);
  const auto last = cells_.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(cells_.begin(), std::prev(last), cells_.end(),
                   [](const Cell& one, const Cell& other) { return one.weight < other.weight; });
  threshold_ = std::max(threshold_, std::prev(last)->weight);
  for (auto cell = cells_.begin(); cell != last; ++cell) {
    others_[{cell->minute, cell->direction}] += cell->amounts;
  }
  merged_ += count;
  cells_.erase(cells_.begin(), last);
  reindex(index_.size());
}

void UsageTable::reindex(std::size_t slots) {
  index_.assign(slots, 0);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    index_[slot_of(cell.key, cell.minute, cell.direction)] = static_cast<std::uint32_t>(i + 1);
  }
}

void UsageTable::clear() {
  cells_.clear();
  others_.clear();
  std::fill(index_.begin(), index_.end(), 0U);
  threshold_ = 0;
  merged_ = 0;
}

}  // namespace ctflow::accounting
