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
    rows_[key] = place;
    changes_.push_back({key, std::nullopt});
  }

  void remove(std::uint64_t key) {
    const auto found = rows_.find(key);
    if (found == rows_.end()) return;
    changes_.push_back({key, found->second});
    rows_.erase(found);
  }

  /// The changes since the last call stay …
  void keep() { changes_.clear(); }

  /// … or are undone.
  void undo() {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
      if (change->before) {
        rows_[change->key] = *change->before;
      } else {
        rows_.erase(change->key);
      }
    }
    changes_.clear();
  }

  [[nodiscard]] const Rows& rows() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  struct Change {
    std::uint64_t key;
    std::optional<Place> before;
  };
  Rows rows_;
  std::vector<Change> changes_;
};

}  // namespace ctflow::nat
