// SPDX-License-Identifier: GPL-2.0-or-later
// Keys that are hashes already, in the order in which they came, and where each of them stands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "process/zero_pages.hpp"

namespace ctflow {

/// Nearly every key is new. That is answered by a table of 32 bits for each: its position, and 11
/// bits of it. Open addressing with linear probing, half of a table of whole keys, so that in a
/// storm less of it has to come from memory. Keys themselves are only written, one behind the
/// other, but for one in some thousand that has the 11 bits of another, and those that come again.
class KeyLog {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};
  /// Keys that it can hold, if there is memory for them.
  static constexpr std::size_t kLimit = (std::size_t{1} << 21) - 1;

  KeyLog() {
    if (!allocate(kSmallest, places_, keys_)) throw std::bad_alloc();
  }

  enum class Added : std::uint8_t { kNew, kThereAlready, kNoRoom };

  /// Behind all others, if it is not there.
  Added add(std::uint64_t key) {
    if (size_ == most_) return add_to_larger(key);
    std::uint32_t* const place = place_of(key);
    if (*place != kFree) return Added::kThereAlready;
    *place = at(size_) | tag_of(key);
    keys_[size_++] = key;
    return Added::kNew;
  }

  /// Its position, 0 for the first, or kNone.
  [[nodiscard]] std::size_t find(std::uint64_t key) const {
    const std::uint32_t place = *place_of(key);
    return place == kFree ? kNone : position_in(place);
  }

  /// add() or find() comes soon: asks the processor for the place.
  void expect(std::uint64_t key) const { __builtin_prefetch(&places_[home(key)], 1); }

  [[nodiscard]] std::uint64_t operator[](std::size_t position) const { return keys_[position]; }
  [[nodiscard]] std::size_t size() const { return size_; }

  void swap(std::size_t one, std::size_t other) {
    std::uint32_t& place_of_one = *place_of(keys_[one]);
    std::uint32_t& place_of_other = *place_of(keys_[other]);
    place_of_one = at(other) | tag_of(keys_[one]);
    place_of_other = at(one) | tag_of(keys_[other]);
    std::swap(keys_[one], keys_[other]);
  }

  /// Removes the first `count`; of a table that is nearly empty then half the memory goes, too.
  void drop_first(std::size_t count) {
    if (count == 0) return;
    size_ -= count;
    std::memmove(keys_.get(), keys_.get() + count, size_ * sizeof(std::uint64_t));
    if (capacity_ > kSmallest && size_ * 8 < capacity_ && resize(capacity_ / 2)) return;
    std::fill_n(places_.get(), capacity_, kFree);
    place_all();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  /// These bits of a place are a position; the others are of its key.
  static constexpr std::uint32_t kPosition = kLimit;
  static constexpr std::size_t kSmallest = 4096 / sizeof(std::uint32_t);  // one page
  // Places of a table that becomes eight times as large, or twice; between them four times.
  static constexpr std::size_t kEightfoldBelow = std::size_t{1} << 15;
  static constexpr std::size_t kDoublesFrom = std::size_t{1} << 18;

  /// Bits that home() does not use.
  static std::uint32_t tag_of(std::uint64_t key) {
    return static_cast<std::uint32_t>(key >> 32) & ~kPosition;
  }

  /// A place for the key at `position`, without its tag: never kFree.
  static std::uint32_t at(std::size_t position) { return static_cast<std::uint32_t>(position + 1); }
  static std::size_t position_in(std::uint32_t place) { return (place & kPosition) - 1; }

  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>(key) & (capacity_ - 1);
  }

  /// The place of `key`, or the free one at the end of its chain.
  [[nodiscard]] std::uint32_t* place_of(std::uint64_t key) const {
    const std::uint32_t tag = tag_of(key);
    std::size_t index = home(key);
    for (; places_[index] != kFree; index = home(index + 1)) {
      const std::uint32_t place = places_[index];
      if ((place & ~kPosition) == tag && keys_[position_in(place)] == key) break;
    }
    return &places_[index];
  }

  /// Keys that a table takes.
  static constexpr std::size_t most(std::size_t capacity) {
    return std::min(capacity / 4 * 3, kLimit);
  }

  static bool allocate(std::size_t capacity, ZeroPages<std::uint32_t>& places,
                       ZeroPages<std::uint64_t>& keys) {
    places = zero_pages<std::uint32_t>(capacity);
    keys = zero_pages<std::uint64_t>(most(capacity));
    return places && keys;
  }

  /// Apart, so that no registers are saved for it.
  [[gnu::noinline]] Added add_to_larger(std::uint64_t key) {
    const std::size_t factor = capacity_ < kEightfoldBelow ? 8 : capacity_ < kDoublesFrom ? 4 : 2;
    if (size_ < kLimit && resize(capacity_ * factor)) return add(key);
    return find(key) == kNone ? Added::kNoRoom : Added::kThereAlready;
  }

  /// False: no memory, and nothing has changed.
  bool resize(std::size_t capacity) {
    ZeroPages<std::uint32_t> places;
    ZeroPages<std::uint64_t> keys;
    if (!allocate(capacity, places, keys)) return false;
    std::memcpy(keys.get(), keys_.get(), size_ * sizeof(std::uint64_t));
    places_ = std::move(places);
    keys_ = std::move(keys);
    capacity_ = capacity;
    most_ = most(capacity);
    place_all();
    return true;
  }

  /// Gives all keys places in an empty table.
  void place_all() {
    for (std::size_t position = 0; position < size_; ++position) {
      std::size_t index = home(keys_[position]);
      while (places_[index] != kFree) index = home(index + 1);
      places_[index] = at(position) | tag_of(keys_[position]);
    }
  }

  ZeroPages<std::uint32_t> places_;
  ZeroPages<std::uint64_t> keys_;
  std::size_t capacity_ = kSmallest;  ///< of places: a power of two
  std::size_t most_ = most(kSmallest);
  std::size_t size_ = 0;
};

}  // namespace ctflow
