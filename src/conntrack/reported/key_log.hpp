// SPDX-License-Identifier: GPL-2.0-or-later
// Keys that are hashes already, in the order in which they came, and which of them are there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "conntrack/reported/keyed_table.hpp"
#include "process/zero_pages.hpp"

namespace ctflow {

/// Nearly every key is new. That is answered by a table of 16 bits of each, open addressing with
/// linear probing: a quarter of a table of whole keys, so that in a storm less of it has to come
/// from memory. Keys themselves are only written, one behind the other, until one has the 16 bits
/// of another: one in 30 000, and each that comes again. Then they are searched; after some
/// searches an index is made, so that many that come again cost no more than with a table of keys.
class KeyLog {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  KeyLog() {
    if (!allocate(kSmallest, tags_, keys_)) throw std::bad_alloc();
  }

  enum class Added : std::uint8_t { kNew, kThereAlready, kNoMemory };

  /// Behind all others, if it is not there. Keys 0 and 1 are reserved.
  Added add(std::uint64_t key) {
    if (size_ == most_) return add_to_larger(key);
    const std::uint16_t tag = tag_of(key);
    std::size_t place = home(key);
    for (; tags_[place] != kFree; place = home(place + 1)) {
      if (tags_[place] == tag) return add_after_search(key, place);
    }
    append(key, place);
    return Added::kNew;
  }

  /// Its position, 0 for the first, or kNone.
  [[nodiscard]] std::size_t find(std::uint64_t key) {
    const std::uint16_t tag = tag_of(key);
    for (std::size_t place = home(key); tags_[place] != kFree; place = home(place + 1)) {
      if (tags_[place] == tag) return search(key);
    }
    return kNone;
  }

  /// add() or find() comes soon: asks the processor for the place.
  void expect(std::uint64_t key) const { __builtin_prefetch(&tags_[home(key)], 1); }

  [[nodiscard]] std::uint64_t operator[](std::size_t position) const { return keys_[position]; }
  [[nodiscard]] std::size_t size() const { return size_; }

  void swap(std::size_t one, std::size_t other) {
    std::swap(keys_[one], keys_[other]);
    if (std::max(one, other) >= indexed_) return forget_index();
    index_.find(keys_[one])->position = one;
    index_.find(keys_[other])->position = other;
  }

  /// Removes the first `count`; of a table that is nearly empty then half the memory goes, too.
  void drop_first(std::size_t count) {
    size_ -= count;
    std::memmove(keys_.get(), keys_.get() + count, size_ * sizeof(std::uint64_t));
    forget_index();
    searches_ = 0;
    if (capacity_ > kSmallest && size_ * 8 < capacity_ && resize(capacity_ / 2)) return;
    std::fill_n(tags_.get(), capacity_, kFree);
    tag_all();
  }

 private:
  static constexpr std::uint16_t kFree = 0;
  static constexpr std::size_t kSmallest = 4096 / sizeof(std::uint16_t);  // one page
  // Places of a table that becomes eight times as large, or twice; between them four times.
  static constexpr std::size_t kEightfoldBelow = std::size_t{1} << 15;
  static constexpr std::size_t kDoublesFrom = std::size_t{1} << 18;
  static constexpr std::size_t kSearches = 16;

  struct Position {
    std::uint64_t key = 0;
    std::size_t position = 0;
  };

  /// Bits that home() does not use.
  static std::uint16_t tag_of(std::uint64_t key) {
    const auto tag = static_cast<std::uint16_t>(key >> 48);
    return tag == kFree ? 1 : tag;
  }

  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>(key) & (capacity_ - 1);
  }

  /// Keys that a table takes.
  static constexpr std::size_t most(std::size_t capacity) { return capacity / 4 * 3; }

  static bool allocate(std::size_t capacity, ZeroPages<std::uint16_t>& tags,
                       ZeroPages<std::uint64_t>& keys) {
    tags = zero_pages<std::uint16_t>(capacity);
    keys = zero_pages<std::uint64_t>(most(capacity));
    return tags && keys;
  }

  void append(std::uint64_t key, std::size_t place) {
    tags_[place] = tag_of(key);
    keys_[size_++] = key;
  }

  // What few keys need is apart, so that no registers are saved for it.

  [[gnu::noinline]] Added add_to_larger(std::uint64_t key) {
    const std::size_t factor = capacity_ < kEightfoldBelow ? 8 : capacity_ < kDoublesFrom ? 4 : 2;
    if (resize(capacity_ * factor)) return add(key);
    return find(key) == kNone ? Added::kNoMemory : Added::kThereAlready;
  }

  [[gnu::noinline]] Added add_after_search(std::uint64_t key, std::size_t place) {
    if (search(key) != kNone) return Added::kThereAlready;
    while (tags_[place] != kFree) place = home(place + 1);
    append(key, place);
    return Added::kNew;
  }

  /// False: no memory, and nothing has changed.
  bool resize(std::size_t capacity) {
    ZeroPages<std::uint16_t> tags;
    ZeroPages<std::uint64_t> keys;
    if (!allocate(capacity, tags, keys)) return false;
    std::memcpy(keys.get(), keys_.get(), size_ * sizeof(std::uint64_t));
    tags_ = std::move(tags);
    keys_ = std::move(keys);
    capacity_ = capacity;
    most_ = most(capacity);
    tag_all();
    return true;
  }

  void tag_all() {
    for (std::size_t position = 0; position < size_; ++position) {
      std::size_t place = home(keys_[position]);
      while (tags_[place] != kFree) place = home(place + 1);
      tags_[place] = tag_of(keys_[position]);
    }
  }

  /// find() among the keys themselves.
  [[gnu::noinline]] std::size_t search(std::uint64_t key) {
    if (searches_ < kSearches || !index_all()) {
      ++searches_;
      const std::uint64_t* const keys = keys_.get();
      const std::uint64_t* const found = std::find(keys, keys + size_, key);
      return found == keys + size_ ? kNone : static_cast<std::size_t>(found - keys);
    }
    const Position* const found = index_.find(key);
    return found == nullptr ? kNone : found->position;
  }

  void forget_index() {
    if (indexed_ > 0) index_.clear();
    indexed_ = 0;
  }

  /// False: no memory.
  bool index_all() {
    for (; indexed_ < size_; ++indexed_) {
      Position* const entry = index_.insert(keys_[indexed_]);
      if (entry == nullptr) return false;
      entry->position = indexed_;
    }
    return true;
  }

  ZeroPages<std::uint16_t> tags_;
  ZeroPages<std::uint64_t> keys_;
  std::size_t capacity_ = kSmallest;  ///< of tags: a power of two
  std::size_t most_ = most(kSmallest);
  std::size_t size_ = 0;
  std::size_t searches_ = 0;  ///< since keys were dropped
  KeyedTable<Position> index_;
  std::size_t indexed_ = 0;  ///< so many of the first keys are in it
};

}  // namespace ctflow
