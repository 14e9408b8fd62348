// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/connection_table.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace ctflow {
namespace {

constexpr std::size_t kSmallestTable = 64;  // one page
/// Of the old table per insertion. Two would do: it holds 3/4 of the insertions until the next
/// doubling.
constexpr std::size_t kMigratedAtOnce = 8;
constexpr std::uint64_t kFree = 0;
constexpr std::uint64_t kMoved = 1;  // in the old table: keeps the chains behind it connected

}  // namespace

void Unmap::operator()(Remembered* entries) const { munmap(entries, octets); }

ConnectionTable::Slots ConnectionTable::allocate(std::size_t capacity) {
  const std::size_t octets = capacity * sizeof(Remembered);
  void* pages = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return {};
  return {{static_cast<Remembered*>(pages), Unmap{octets}}, capacity};
}

ConnectionTable::ConnectionTable() : current_(allocate(kSmallestTable)) {
  if (!current_.entries) throw std::bad_alloc();
}

Remembered& ConnectionTable::Slots::probe(std::uint64_t key) const {
  std::size_t index = home(key);
  while (entries[index].key != kFree && entries[index].key != key) index = home(index + 1);
  return entries[index];
}

Remembered* ConnectionTable::find(std::uint64_t key) {
  Remembered& entry = current_.probe(key);
  if (entry.key == key) return &entry;
  if (old_.capacity == 0) return nullptr;
  Remembered& old = old_.probe(key);
  if (old.key != key) return nullptr;
  entry = old;
  old.key = kMoved;
  return &entry;
}

Remembered* ConnectionTable::insert(std::uint64_t key) {
  if (old_.capacity != 0) migrate(kMigratedAtOnce);
  if ((size_ + 1) * 4 > current_.capacity * 3 && !make_room()) return nullptr;
  Remembered& entry = current_.probe(key);
  entry = Remembered{};
  entry.key = key;
  ++size_;
  return &entry;
}

bool ConnectionTable::make_room() {
  migrate(old_.capacity);
  Slots larger = allocate(current_.capacity * 2);
  if (!larger.entries) return false;
  old_ = std::exchange(current_, std::move(larger));
  migrated_ = 0;
  return true;
}

void ConnectionTable::migrate(std::size_t count) {
  for (; count > 0 && migrated_ < old_.capacity; --count, ++migrated_) {
    Remembered& old = old_.entries[migrated_];
    if (old.key == kFree || old.key == kMoved) continue;
    current_.probe(old.key) = old;
    old.key = kMoved;
  }
  if (migrated_ == old_.capacity) old_ = {};
}

void ConnectionTable::erase(Remembered& entry) {
  // Moves the entries behind the hole that linear probing would no longer find.
  auto hole = static_cast<std::size_t>(&entry - current_.entries.get());
  Remembered* const entries = current_.entries.get();
  for (std::size_t next = current_.home(hole + 1); entries[next].key != kFree;
       next = current_.home(next + 1)) {
    const std::size_t distance = current_.home(next - current_.home(entries[next].key));
    if (distance >= current_.home(next - hole)) {
      entries[hole] = entries[next];
      hole = next;
    }
  }
  entries[hole] = Remembered{};
  --size_;
}

}  // namespace ctflow
