// SPDX-License-Identifier: GPL-2.0-or-later
// The connections whose end was read while a part of a table dump lay waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ctflow {

/// A set of keys of fixed size that is emptied in no time.
class RecentlyEnded {
 public:
  RecentlyEnded() : places_(kPlaces) {}

  void add(std::uint64_t key) {
    if (size_ == kLimit) {
      overflowed_ = true;
      return;
    }
    places_[find(key)] = {key, round_};
    ++size_;
  }

  /// True also when there were more keys than fit: then it is not known.
  [[nodiscard]] bool may_contain(std::uint64_t key) const {
    return overflowed_ || places_[find(key)].round == round_;
  }

  void clear() {
    ++round_;
    size_ = 0;
    overflowed_ = false;
  }

 private:
  static constexpr std::size_t kLimit = 4096;
  static constexpr std::size_t kPlaces = 2 * kLimit;

  struct Place {
    std::uint64_t key = 0;
    std::uint64_t round = 0;  ///< in use if it is the current one
  };

  /// The place of `key`, or the free one at the end of its chain.
  [[nodiscard]] std::size_t find(std::uint64_t key) const {
    std::size_t index = key % kPlaces;
    while (places_[index].round == round_ && places_[index].key != key) {
      index = (index + 1) % kPlaces;
    }
    return index;
  }

  std::vector<Place> places_;
  std::uint64_t round_ = 1;
  std::size_t size_ = 0;
  bool overflowed_ = false;
};

}  // namespace ctflow
