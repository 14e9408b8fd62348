// SPDX-License-Identifier: GPL-2.0-or-later
// What the ruleset's maps are now, for the log.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nat_log/day.hpp"
#include "nat_log/static_maps.hpp"

namespace ctflow::nat {

/// The maps as they were read once.
struct MapReading {
  std::shared_ptr<const StaticMaps> maps;
  /// That the ruleset was like this since then is sure, while a look finds it current.
  Moment since{};
};

/// What a look finds.
struct MapsNow {
  enum class State : std::uint8_t {
    kCurrent,     ///< `reading` is the ruleset of this moment
    kReading,     ///< it has changed, and is being read
    kUnreadable,  ///< see `why`
  };

  State state = State::kUnreadable;
  MapReading reading{};
  std::string why{};
};

class MapSource {
 public:
  MapSource() = default;
  virtual ~MapSource() = default;

  MapSource(const MapSource&) = delete;
  MapSource& operator=(const MapSource&) = delete;
  MapSource(MapSource&&) = delete;
  MapSource& operator=(MapSource&&) = delete;

  /// Does not wait, unless it is called for the first time.
  virtual MapsNow look() = 0;
};

}  // namespace ctflow::nat
