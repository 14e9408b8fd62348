// SPDX-License-Identifier: GPL-2.0-or-later
// The connections whose end was read while a part of a table dump waited.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace ctflow {

/// A set of keys that is emptied in no time. It grows while it is used, as a storm of ends wants;
/// what it has grown to stays.
class RecentlyEnded {
 public:
  /// Keys at most: a part waits for a second, and no kernel ends more connections in one.
  static constexpr std::size_t kLimit = std::size_t{1} << 20;

  /// Throws std::bad_alloc.
  explicit RecentlyEnded(std::size_t limit = kLimit)
      : limit_(limit), capacity_(kSmallest), places_(std::make_unique<Place[]>(kSmallest)) {}

  /// A part was written: ends count from now on, and those before no longer.
  void begin() {
    recording_ = true;
    clear();
  }

  /// No part waits any more.
  void end() {
    recording_ = false;
    clear();
  }

  void add(std::uint64_t key) {
    if (recording_) record(key);
  }

  /// True also when there were more keys than fit: then it is not known.
  [[nodiscard]] bool may_contain(std::uint64_t key) const {
    return overflowed_ || places_[find(key)].round == round_;
  }

 private:
  static constexpr std::size_t kSmallest = 512;  // a power of two, as all capacities

  struct Place {
    std::uint64_t key = 0;
    std::uint64_t round = 0;  ///< in use if it is the current one
  };

  /// Apart: as a rule no part waits.
  [[gnu::noinline]] void record(std::uint64_t key) {
    if (size_ >= limit_ || (size_ * 2 >= capacity_ && !grow())) {
      overflowed_ = true;
      return;
    }
    places_[find(key)] = {key, round_};
    ++size_;
  }

  void clear() {
    ++round_;
    size_ = 0;
    overflowed_ = false;
  }

  /// False: no memory.
  bool grow() {
    const std::size_t before = capacity_;
    std::unique_ptr<Place[]> larger(new (std::nothrow) Place[before * 2]());
    if (!larger) return false;
    places_.swap(larger);
    capacity_ = before * 2;
    std::for_each_n(larger.get(), before, [this](const Place& place) {
      if (place.round == round_) places_[find(place.key)] = place;
    });
    return true;
  }

  /// The place of `key`, or the free one at the end of its chain.
  [[nodiscard]] std::size_t find(std::uint64_t key) const {
    std::size_t index = static_cast<std::size_t>(key) & (capacity_ - 1);
    while (places_[index].round == round_ && places_[index].key != key) {
      index = (index + 1) & (capacity_ - 1);
    }
    return index;
  }

  std::size_t limit_;
  std::size_t capacity_;
  std::unique_ptr<Place[]> places_;
  std::uint64_t round_ = 1;
  std::size_t size_ = 0;
  bool recording_ = false;
  bool overflowed_ = false;
};

}  // namespace ctflow
