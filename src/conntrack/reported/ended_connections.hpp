// SPDX-License-Identifier: GPL-2.0-or-later
// Ends that were read and that the kernel may send again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "conntrack/reported/keyed_table.hpp"

namespace ctflow {

/// Delivery is at least once: where a listener of the namespace asked for reliable delivery
/// (NETLINK_BROADCAST_ERROR) and has no room, the kernel puts the ended connection on its dying
/// list and sends the DESTROY again later, to every listener. What is not on that list any more
/// will not come again.
///
/// So ends are remembered until a look at the list, begun a while after they were read, has not met
/// them. Three generations: `fresh_` takes what is read now, `waiting_` was read before the look
/// that is under way or the last one began, `settled_` before the one before that.
class EndedConnections {
 public:
  /// Ends in one generation, 8 octets each.
  static constexpr std::size_t kLimit = std::size_t{1} << 19;

  explicit EndedConnections(std::size_t limit = kLimit) : limit_(limit) {}

  /// False: this end was read before.
  bool add(std::uint64_t key) {
    if (holds(waiting_, key) || holds(settled_, key)) return false;
    if (fresh_.size() >= limit_ && !make_room(key)) return false;
    const Keys::Added added = fresh_.add(key);
    if (added == Keys::Added::kNoMemory) ++forgotten_;
    return added != Keys::Added::kThereAlready;
  }

  /// add() comes soon.
  void expect(std::uint64_t key) const {
    for (const Keys* keys : {&fresh_, &waiting_, &settled_}) keys->expect(key);
  }

  [[nodiscard]] bool contains(std::uint64_t key) {
    return holds(fresh_, key) || holds(waiting_, key) || holds(settled_, key);
  }

  /// A look at the dying list begins.
  void begin_look() {
    undisturbed_ = true;
    if (waiting_.size() == 0) std::swap(waiting_, fresh_);
  }

  /// The look met this end: it will be sent again.
  void keep(std::uint64_t key) {
    if (holds(settled_, key) && waiting_.find(key) == nullptr) waiting_.insert(key);
  }

  /// The look has ended. `proven`: what it did not meet was not there, and all that the kernel had
  /// sent until then was read.
  void end_look(bool proven) {
    if (!proven || !undisturbed_) return;
    std::swap(settled_, waiting_);
    waiting_.clear();
  }

  template <typename Action>
  void for_each(Action action) {
    for (Keys* keys : {&fresh_, &waiting_, &settled_}) {
      keys->for_each([&](const Key& one) { action(one.key); });
    }
  }

  [[nodiscard]] std::size_t size() const {
    return fresh_.size() + waiting_.size() + settled_.size();
  }
  /// Ends for which there was no room although the kernel might send them again.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  struct Key {
    std::uint64_t key = 0;
  };
  using Keys = KeyedTable<Key>;

  static bool holds(Keys& keys, std::uint64_t key) {
    return keys.size() > 0 && keys.find(key) != nullptr;
  }

  /// Drops the oldest generation. False: this end was read before, nothing is dropped.
  [[gnu::noinline]] bool make_room(std::uint64_t key) {
    if (holds(fresh_, key)) return false;
    undisturbed_ = false;
    forgotten_ += settled_.size();
    settled_.clear();
    std::swap(settled_, waiting_);
    std::swap(waiting_, fresh_);
    return true;
  }

  std::size_t limit_;
  Keys fresh_;
  Keys waiting_;
  Keys settled_;
  std::uint64_t forgotten_ = 0;
  bool undisturbed_ = true;  ///< the generations are those of the look's beginning
};

/// Connections in the table whose beginning was handed on. The kernel sends a NEW that found no
/// room with a reliable listener again together with any later event of the connection.
class BegunConnections {
 public:
  /// Connections in one of two generations, 8 octets each.
  static constexpr std::size_t kLimit = std::size_t{1} << 20;

  explicit BegunConnections(std::size_t limit = kLimit) : limit_(limit) {}

  /// False: it was handed on before.
  bool add(std::uint64_t key) {
    if (young_.find(key) != nullptr || old_.find(key) != nullptr) return false;
    if (young_.size() >= limit_) {
      old_.clear();
      std::swap(old_, young_);
    }
    young_.insert(key);  // without memory: a repeat will not be recognised
    return true;
  }

  void remove(std::uint64_t key) {
    for (Keys* keys : {&young_, &old_}) {
      if (Key* found = keys->find(key)) keys->erase(*found);
    }
  }

  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  struct Key {
    std::uint64_t key = 0;
  };
  using Keys = KeyedTable<Key>;

  std::size_t limit_;
  Keys young_;
  Keys old_;
};

}  // namespace ctflow
