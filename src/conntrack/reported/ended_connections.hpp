// SPDX-License-Identifier: GPL-2.0-or-later
// Ends that were read and that the kernel may send again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "conntrack/reported/key_log.hpp"
#include "conntrack/reported/keyed_table.hpp"

namespace ctflow {

/// Delivery is at least once: where a listener of the namespace asked for reliable delivery
/// (NETLINK_BROADCAST_ERROR) and has no room, the kernel puts the ended connection on its dying
/// list and sends the DESTROY again later, to every listener. What is not on that list any more
/// will not come again.
///
/// So ends are remembered until a look at the list, begun a while after they were read, has not met
/// them. Three generations, which stand one behind the other: the settled were read before the look
/// before the one that is under way or the last one, the waiting before that one began, the fresh
/// since.
class EndedConnections {
 public:
  /// Ends in one generation, some 16 octets each.
  static constexpr std::size_t kLimit = std::size_t{1} << 19;
  static_assert(3 * kLimit <= KeyLog::kLimit);

  explicit EndedConnections(std::size_t limit = kLimit) : limit_(limit) {}

  /// False: this end was read before.
  bool add(std::uint64_t key) {
    if (ends_.size() - waiting_end_ >= limit_ && !make_room(key)) return false;
    const KeyLog::Added added = ends_.add(key);
    if (added == KeyLog::Added::kNoRoom) ++forgotten_;
    return added != KeyLog::Added::kThereAlready;
  }

  /// add() comes soon.
  void expect(std::uint64_t key) const { ends_.expect(key); }

  [[nodiscard]] bool contains(std::uint64_t key) const { return ends_.find(key) != KeyLog::kNone; }

  /// A look at the dying list begins.
  void begin_look() {
    undisturbed_ = true;
    if (waiting_end_ == settled_end_) waiting_end_ = ends_.size();
  }

  /// The look met this end: it will be sent again.
  void keep(std::uint64_t key) {
    const std::size_t position = ends_.find(key);
    if (position < dropped_end_) ends_.swap(position, --dropped_end_);
  }

  /// The look has ended. `proven`: what it did not meet was not there, and all that the kernel had
  /// sent until then was read.
  void end_look(bool proven) {
    if (proven && undisturbed_) drop(dropped_end_, waiting_end_);
  }

  template <typename Action>
  void for_each(Action action) const {
    for (std::size_t i = 0; i < ends_.size(); ++i) action(ends_[i]);
  }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  /// Half of the room for ends until the next look is used.
  [[nodiscard]] bool fills() const { return ends_.size() - waiting_end_ >= limit_ / 2; }
  /// Ends for which there was no room although the kernel might send them again.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

 private:
  /// Drops the first `count` ends; those behind them, before `settled_end`, are the settled then,
  /// and none waits.
  void drop(std::size_t count, std::size_t settled_end) {
    ends_.drop_first(count);
    dropped_end_ = settled_end_ = waiting_end_ = settled_end - count;
  }

  /// Drops the oldest generation, but for what a look has met. False: this end was read before,
  /// nothing is dropped.
  [[gnu::noinline]] bool make_room(std::uint64_t key) {
    if (contains(key)) return false;
    undisturbed_ = false;
    forgotten_ += dropped_end_;
    drop(dropped_end_, waiting_end_);
    waiting_end_ = ends_.size();
    return true;
  }

  std::size_t limit_;
  KeyLog ends_;
  std::size_t dropped_end_ = 0;  ///< the settled before it were not met by the look
  std::size_t settled_end_ = 0;
  std::size_t waiting_end_ = 0;
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
      forgot_ = forgot_ || old_.size() > 0;
      old_.clear();
      std::swap(old_, young_);
    }
    // Without memory a repeat will not be recognised.
    if (young_.insert(key) == nullptr) forgot_ = true;
    return true;
  }

  /// False: it is not here.
  bool remove(std::uint64_t key) {
    bool removed = false;
    for (Keys* keys : {&young_, &old_}) {
      Key* const found = keys->find(key);
      if (found == nullptr) continue;
      keys->erase(*found);
      removed = true;
    }
    return removed;
  }

  /// Their ends may have been missed: a successor with the same key is no repeat.
  void clear() {
    forgot_ = forgot_ || size() > 0;
    young_.clear();
    old_.clear();
  }

  /// Not all are here that should be.
  [[nodiscard]] bool forgot() const { return forgot_; }

  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  struct Key {
    std::uint64_t key = 0;
  };
  using Keys = KeyedTable<Key>;

  std::size_t limit_;
  bool forgot_ = false;
  Keys young_;
  Keys old_;
};

}  // namespace ctflow
