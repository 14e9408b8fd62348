// SPDX-License-Identifier: GPL-2.0-or-later
// The static maps as the log counts on them: since when each entry holds.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "nat_log/map_source.hpp"

namespace ctflow::nat {

struct HeldEntry {
  MapEntry entry;
  Moment began{};
};

/// A value: a copy of it is the way back when a transaction fails.
class HeldMaps {
 public:
  HeldMaps() : maps_(std::make_shared<const StaticMaps>()) {}

  /// Those of an earlier process. They do not count until a reading confirms them.
  explicit HeldMaps(std::vector<HeldEntry> earlier, Moment sure_until);

  [[nodiscard]] bool empty() const { return maps_->entries().empty(); }
  [[nodiscard]] std::size_t size() const { return maps_->entries().size(); }
  [[nodiscard]] const std::shared_ptr<const StaticMaps>& maps() const { return maps_; }
  void for_each(const std::function<void(const MapEntry&, Moment began)>& take) const;

  /// These hold from now on. An entry that was there before keeps its begin.
  struct Difference {
    std::vector<HeldEntry> added;
    std::vector<HeldEntry> removed;
  };
  Difference replace(const MapReading& reading);

  /// True if a translation follows an entry that held when it began, and holds still: nothing is
  /// lost without a row of it. `began`: nothing if that is not known, which is enough only if
  /// `began_since` is true: all that began before the entries did have rows or have ended.
  [[nodiscard]] bool cover(const Translation& translation, std::optional<Moment> began,
                           bool began_since) const;

  /// The entries are those of the ruleset.
  bool current = false;
  /// They were until then, at least.
  Moment sure_until{};

 private:
  std::shared_ptr<const StaticMaps> maps_;
  std::shared_ptr<const std::vector<Moment>> began_;  ///< of each entry of maps_
};

}  // namespace ctflow::nat
