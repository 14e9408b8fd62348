// SPDX-License-Identifier: GPL-2.0-or-later
// Packets that arrive in fragments: conntrack reassembles them before it counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "findings/finding.hpp"

namespace ctflow {

/// Counters of the kernel since the network namespace was created. Empty: not available. Fragments
/// are those received (ReasmReqds) or, where they are more, those sent (FragCreates): the kernel
/// does not count received IPv6 fragments that conntrack reassembles, and conntrack counts what
/// this host sends before it is fragmented.
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
