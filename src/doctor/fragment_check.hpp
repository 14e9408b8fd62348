// SPDX-License-Identifier: GPL-2.0-or-later
// Packets that arrive in fragments: conntrack puts them together before it counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "doctor/finding.hpp"

namespace ctflow {

/// Counts of the kernel since the network namespace was made. Nothing: not shown. Fragments are
/// those that came (ReasmReqds) or, where they are more, those that left (FragCreates): of IPv6 the
/// kernel does not count the former when conntrack puts them together, and what this host sends in
/// fragments is counted before it is cut.
struct FragmentCounts {
  std::optional<std::uint64_t> received4;  ///< packets, fragments included
  std::optional<std::uint64_t> fragments4;
  std::optional<std::uint64_t> received6;
  std::optional<std::uint64_t> fragments6;
};

/// Of the namespace that this thread is in. `directory` has snmp and snmp6.
FragmentCounts read_fragments(const std::string& directory = "/proc/thread-self/net");

Findings check_fragments(const FragmentCounts& counts);

}  // namespace ctflow
