// SPDX-License-Identifier: GPL-2.0-or-later
// A hash table by keys that are hashes already.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "process/zero_pages.hpp"

namespace ctflow {

/// Open addressing with linear probing, never more than three quarters full. It grows little by
/// little: no call but clear() costs more than a few entries, however large the table is.
/// `Entry`: trivial, with a member `key`; zeros are a free entry.
template <typename Entry>
class KeyedTable {
 public:
  /// Keys 0 and 1 are reserved.
  static constexpr std::uint64_t kFirstKey = 2;

  KeyedTable() : current_(allocate(kSmallest)) {
    if (!current_.entries) throw std::bad_alloc();
  }

  /// The entry of `key`, or nullptr. Valid until the next call of find() or insert().
  Entry* find(std::uint64_t key) { return size_ == 0 ? nullptr : find_among_entries(key); }

  /// find() comes soon: asks the processor for the place.
  void expect(std::uint64_t key) const {
    if (size_ != 0) __builtin_prefetch(&current_.entries[current_.home(key)], 1);
  }

  /// A new entry for `key`, which must not be there yet. nullptr: no memory left.
  Entry* insert(std::uint64_t key) {
    if (old_.capacity != 0) migrate(kMigratedAtOnce);
    if (size_ >= most() && !make_room()) return nullptr;
    Entry& entry = current_.probe(key);
    entry = Entry{};
    entry.key = key;
    ++size_;
    return &entry;
  }

  /// Removes what the last find() returned.
  void erase(Entry& entry) {
    // Moves the entries behind the hole that linear probing would no longer find.
    auto hole = static_cast<std::size_t>(&entry - current_.entries.get());
    Entry* const entries = current_.entries.get();
    for (std::size_t next = current_.home(hole + 1); entries[next].key != kFree;
         next = current_.home(next + 1)) {
      const std::size_t distance = current_.home(next - current_.home(entries[next].key));
      if (distance >= current_.home(next - hole)) {
        entries[hole] = entries[next];
        hole = next;
      }
    }
    entries[hole] = Entry{};
    --size_;
  }

  static constexpr std::size_t kSwept = ~std::size_t{0};

  /// Erases entries for which `is_stale(entry)` holds, looking at `budget` places from `position`
  /// on, and at those up to the next free one: behind that no erase() between two turns moves an
  /// entry before it, which then nothing would look at. Returns where to go on, or kSwept. What was
  /// there at the first turn, and stays, is looked at, now and then twice.
  template <typename Predicate>
  std::size_t sweep(std::size_t position, std::size_t budget, Predicate is_stale) {
    if (old_.capacity != 0) {
      migrate(budget);
      return position;
    }
    const std::size_t end = std::min(position + budget, current_.capacity);
    while (position < current_.capacity) {
      Entry& entry = current_.entries[position];
      if (position >= end && entry.key == kFree) break;
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

  /// Removes every entry; of a table that was nearly empty half the memory goes, too.
  void clear() {
    old_ = {};
    migrated_ = given_back_ = 0;
    const bool too_large = current_.capacity > kSmallest && size_ * 8 < current_.capacity;
    size_ = 0;
    empty(too_large);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets of the table, with the free entries.
  [[nodiscard]] std::size_t memory() const {
    return (current_.capacity + old_.capacity) * sizeof(Entry);
  }

 private:
  static constexpr std::size_t kSmallest = 4096 / sizeof(Entry);  // one page
  // Octets of a table that becomes eight times as large, or twice; between them four times.
  static constexpr std::size_t kEightfoldBelow = std::size_t{1} << 16;
  static constexpr std::size_t kDoublesFrom = std::size_t{1} << 20;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  static constexpr std::size_t kZeroedInPlace = 16 * kSmallest;
  /// Of the old table per insertion. Two would do: it holds 3/4 of the insertions until it
  /// grows again.
  static constexpr std::size_t kMigratedAtOnce = 8;
  static constexpr std::size_t kGivenBackAtOnce = 65536 / sizeof(Entry);  // whole pages anywhere
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kMoved = 1;  // in the old table: keeps the chains behind connected

  struct Slots {
    ZeroPages<Entry> entries;
    std::size_t capacity = 0;  ///< a power of two, or 0

    [[nodiscard]] std::size_t home(std::uint64_t key) const {
      return static_cast<std::size_t>(key) & (capacity - 1);
    }
    /// The entry of `key`, or the free one at the end of its chain.
    [[nodiscard]] Entry& probe(std::uint64_t key) const { return probe(key, home(key)); }
    [[nodiscard]] Entry& probe(std::uint64_t key, std::size_t index) const {
      while (entries[index].key != kFree && entries[index].key != key) index = home(index + 1);
      return entries[index];
    }
  };

  /// Entries that the current table takes.
  [[nodiscard]] std::size_t most() const { return current_.capacity / 4 * 3; }

  /// Apart, so that the callers need nothing but the question whether there are entries.
  [[gnu::noinline]] Entry* find_among_entries(std::uint64_t key) {
    Entry& entry = current_.probe(key);
    if (entry.key == key) return &entry;
    if (old_.capacity == 0) return nullptr;
    // Nothing is left before `migrated_`, and what stands behind it is in one piece.
    Entry& old = old_.probe(key, std::max(old_.home(key), migrated_));
    if (old.key != key) return nullptr;
    entry = old;
    old.key = kMoved;
    return &entry;
  }

  /// No entries: no memory.
  static Slots allocate(std::size_t capacity) {
    ZeroPages<Entry> entries = zero_pages<Entry>(capacity);
    if (!entries) return {};
    // All pages of a large table are soon in use, as keys are hashes: fewer faults and
    // translations.
    const std::size_t octets = capacity * sizeof(Entry);
    if (octets >= kHugePage) madvise(entries.get(), octets, MADV_HUGEPAGE);
    return {std::move(entries), capacity};
  }

  /// Moves up to `count` places of the old table into the current one.
  void migrate(std::size_t count) {
    for (; count > 0 && migrated_ < old_.capacity; --count, ++migrated_) {
      Entry& old = old_.entries[migrated_];
      if (old.key == kFree || old.key == kMoved) continue;
      current_.probe(old.key) = old;
      old.key = kMoved;
    }
    give_back_migrated();
    if (migrated_ == old_.capacity) old_ = {};
  }

  /// So that at no time there is all of both tables.
  void give_back_migrated() {
    while (migrated_ - given_back_ >= kGivenBackAtOnce) {
      madvise(old_.entries.get() + given_back_, kGivenBackAtOnce * sizeof(Entry), MADV_DONTNEED);
      given_back_ += kGivenBackAtOnce;
    }
  }

  bool make_room() {
    migrate(old_.capacity);
    // What is small soon grows again: moving its entries once costs less than moving them twice.
    const std::size_t octets = current_.capacity * sizeof(Entry);
    const std::size_t factor = octets < kEightfoldBelow ? 8 : octets < kDoublesFrom ? 4 : 2;
    Slots larger = allocate(current_.capacity * factor);
    if (!larger.entries) return false;
    old_ = std::exchange(current_, std::move(larger));
    migrated_ = given_back_ = 0;
    return true;
  }

  void empty(bool halve) {
    if (!halve && current_.capacity <= kZeroedInPlace) return zero();
    // Fresh pages cost nothing until they are used.
    Slots fresh = allocate(halve ? current_.capacity / 2 : current_.capacity);
    if (!fresh.entries) return zero();
    current_ = std::move(fresh);
  }

  void zero() { std::fill_n(current_.entries.get(), current_.capacity, Entry{}); }

  Slots current_;
  Slots old_;  ///< what has not moved to a larger table yet
  std::size_t migrated_ = 0;
  std::size_t given_back_ = 0;  ///< places of the old table whose memory is gone
  std::size_t size_ = 0;
};

}  // namespace ctflow
