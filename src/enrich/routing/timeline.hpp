// SPDX-License-Identifier: GPL-2.0-or-later
// Values by key, with what they were before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "enrich/routing/routing_time.hpp"

namespace ctflow {

/// A map that can be asked as of a time in the past. What is over is kept for kRemembered, but at
/// most kVersions of one key and kTotal in all; then the oldest is forgotten, and a look-up for
/// a time before that gets the oldest that is known.
template <typename Key, typename Value>
class Timeline {
 public:
  static constexpr std::size_t kVersions = 64;
  static constexpr std::size_t kTotal = 16384;

  /// The value as of `time`, null: there was none. Valid until the next change.
  [[nodiscard]] const Value* at(const Key& key, RoutingTime time) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    const Entry& entry = found->second;
    const std::optional<Value>* value = &entry.now;
    for (std::size_t i = entry.past.size(); i-- > 0 && entry.past[i].until > time;) {
      value = &entry.past[i].value;
    }
    return value->has_value() ? &**value : nullptr;
  }
  /// Whether the key has a value or is remembered.
  [[nodiscard]] bool has(const Key& key) const { return entries_.count(key) != 0; }
  /// Whether at() may say something else than was true at `time`.
  [[nodiscard]] bool forgot(const Key& key, RoutingTime time) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && time < found->second.known_since;
  }

  /// `now` is kAlways for what was there before anything was remembered. False: nothing changed.
  bool set(const Key& key, Value value, RoutingTime now) {
    return change(key, std::optional<Value>(std::move(value)), now);
  }
  bool erase(const Key& key, RoutingTime now) {
    return at(key, kNow) != nullptr && change(key, std::nullopt, now);
  }

  /// Calls `visit(key, value)` for every value that is.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [key, entry] : entries_) {
      if (entry.now) visit(key, *entry.now);
    }
  }
  /// … and `visit(value)` for every one that is or is remembered.
  template <typename Visit>
  void for_each_ever(Visit visit) const {
    for (const auto& [key, entry] : entries_) {
      if (entry.now) visit(*entry.now);
      for (const Version& version : entry.past) {
        if (version.value) visit(*version.value);
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Versions forgotten before their time since this was made.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Takes over what `older` remembers; its values that are not here are over at `now`.
  void inherit(const Timeline& older, RoutingTime now) {
    for (const auto& [key, entry] : older.entries_) {
      Entry& mine = entries_[key];
      mine.known_since = entry.known_since;
      mine.past = entry.past;
      if (mine.now != entry.now) mine.past.push_back({entry.now, now});
    }
    queue_ = older.queue_;
    forgotten_ += older.forgotten_;
    for (const auto& [key, entry] : entries_) {
      if (!entry.past.empty() && entry.past.back().until == now) queue_.emplace_back(now, key);
    }
    trim(now);
  }

 private:
  struct Version {
    std::optional<Value> value;
    RoutingTime until;
  };
  struct Entry {
    std::optional<Value> now;
    std::vector<Version> past;  ///< by time
    RoutingTime known_since = kAlways;
  };

  bool change(const Key& key, std::optional<Value> value, RoutingTime now) {
    Entry& entry = entries_[key];
    if (entry.now == value) {
      drop_if_empty(key);
      return false;
    }
    size_ += std::size_t{value.has_value()} - std::size_t{entry.now.has_value()};
    std::optional<Value> before = std::exchange(entry.now, std::move(value));
    if (now == kAlways) {
      drop_if_empty(key);
      return true;
    }
    entry.past.push_back({std::move(before), now});
    queue_.emplace_back(now, key);
    if (entry.past.size() > kVersions) forget_first(entry, true);
    trim(now);
    return true;
  }

  void forget_first(Entry& entry, bool early) {
    entry.known_since = entry.past.front().until;
    entry.past.erase(entry.past.begin());
    if (early) ++forgotten_;
  }

  void trim(RoutingTime now) {
    const RoutingTime oldest = oldest_remembered(now);
    while (!queue_.empty() && (queue_.front().first <= oldest || queue_.size() > kTotal)) {
      const auto [when, key] = queue_.front();
      queue_.pop_front();
      const auto found = entries_.find(key);
      if (found == entries_.end()) continue;
      // One that was forgotten for the sake of its key's newer ones is in the queue still.
      std::vector<Version>& past = found->second.past;
      if (!past.empty() && past.front().until <= when) forget_first(found->second, when > oldest);
      drop_if_empty(key);
    }
  }

  void drop_if_empty(const Key& key) {
    const auto found = entries_.find(key);
    if (found != entries_.end() && !found->second.now && found->second.past.empty()) {
      entries_.erase(found);
    }
  }

  std::unordered_map<Key, Entry> entries_;
  std::deque<std::pair<RoutingTime, Key>> queue_;  ///< one for each version, by time
  std::size_t size_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace ctflow
