// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the ruleset's maps whenever it has changed, in a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>

#include "ctflow/clock.hpp"
#include "nat_log/map_source.hpp"
#include "netlink/network_namespace.hpp"
#include "process/detached_thread.hpp"

namespace ctflow::nat {

class MapReader : public MapSource {
 public:
  /// What it asks. Throws std::system_error or RulesetError; of any thread, one at a time.
  struct Ruleset {
    std::function<std::uint32_t()> generation;
    std::function<StaticMaps()> maps;
  };

  explicit MapReader(Ruleset ruleset, Clock clock = system_now);
  /// Does not wait for a reading.
  ~MapReader() override;

  MapReader(const MapReader&) = delete;
  MapReader& operator=(const MapReader&) = delete;
  MapReader(MapReader&&) = delete;
  MapReader& operator=(MapReader&&) = delete;

  MapsNow look() override;

  /// A reading that took a second is followed by no other for so many: of one processor at most a
  /// tenth is used, whatever changes the ruleset.
  static constexpr int kPause = 10;

 private:
  struct Shared;

  Ruleset ruleset_;
  Clock clock_;
  std::shared_ptr<Shared> shared_;  ///< with the thread that reads
  DetachedThread thread_;
  bool looked_ = false;
};

/// Of the network namespace.
MapReader::Ruleset ruleset_of(const NetworkNamespace& home);

}  // namespace ctflow::nat
