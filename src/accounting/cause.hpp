// SPDX-License-Identifier: GPL-2.0-or-later
// Why something is missing, as far as that is known by name.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <tuple>

#include "ctflow/extras_source.hpp"

namespace ctflow::accounting {

// As `ctflowd doctor` calls them.
inline constexpr const char* kCountersReset = "counters_reset";
inline constexpr const char* kFlowtableUncounted = "flowtable_uncounted";
inline constexpr const char* kHardwareUncounted = "hardware_uncounted";
inline constexpr const char* kEventsOff = "events_off";
/// By a setting, whose name it has: not missing, but not counted.
inline constexpr const char* kLeftOut = "left_out";
/// Nothing is missing, but something may be in the sums twice.
inline constexpr const char* kCountedTwice = "counted_twice";
// As the log does.
inline constexpr const char* kConnectionsVanished = "connections_vanished";

struct Cause {
  std::string kind;
  std::string name;  ///< of the program, or of what forwards; may be any octets, or none

  friend bool operator==(const Cause&, const Cause&) = default;
  friend bool operator<(const Cause& one, const Cause& other) {
    return std::tie(one.kind, one.name) < std::tie(other.kind, other.name);
  }
};

using Causes = std::set<Cause>;

/// What forwards packets now that are not counted where `measured` is. For another thread; throws
/// nothing but std::system_error.
using ReadUncounted = std::function<Causes(const Capabilities& measured)>;

}  // namespace ctflow::accounting
