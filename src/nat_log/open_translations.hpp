// SPDX-License-Identifier: GPL-2.0-or-later
// Where the rows of translations that exist are, with a way back when a transaction fails.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "nat_log/day.hpp"

namespace ctflow::nat {

/// A row of a file.
struct Place {
  Moment began{};
  Day file{};
  /// Its beginning was not heard of: its end may come without an event, too.
  bool unannounced = false;
  bool earlier = false;  ///< of an earlier process
};

class OpenTranslations {
 public:
  using Rows = std::unordered_map<std::uint64_t, Place>;

  [[nodiscard]] std::optional<Place> find(std::uint64_t key) const {
    const auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    return found->second;
  }

  void add(std::uint64_t key, Place place) {
    changes_.push_back({key, find(key)});
    put(key, place);
  }

  void remove(std::uint64_t key) {
    const auto before = find(key);
    if (!before) return;
    changes_.push_back({key, before});
    put(key, std::nullopt);
  }

  /// The beginning of one that is there was heard of.
  void announce(std::uint64_t key) {
    auto place = find(key);
    if (!place || !place->unannounced) return;
    place->unannounced = false;
    add(key, *place);
  }

  void clear() {
    rows_.clear();
    changes_.clear();
    unannounced_ = 0;
  }

  /// The changes since the last call stay …
  void keep() { changes_.clear(); }

  /// … or are undone.
  void undo() {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
      put(change->key, change->before);
    }
    changes_.clear();
  }

  [[nodiscard]] const Rows& rows() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t unannounced() const { return unannounced_; }

 private:
  struct Change {
    std::uint64_t key;
    std::optional<Place> before;
  };
  /// Nothing: away with it.
  void put(std::uint64_t key, const std::optional<Place>& place) {
    if (const auto before = rows_.find(key); before != rows_.end()) {
      if (before->second.unannounced) --unannounced_;
      if (!place) rows_.erase(before);
    }
    if (!place) return;
    rows_[key] = *place;
    if (place->unannounced) ++unannounced_;
  }

  Rows rows_;
  std::size_t unannounced_ = 0;
  std::vector<Change> changes_;
};

}  // namespace ctflow::nat
