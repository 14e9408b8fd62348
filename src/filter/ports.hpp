// SPDX-License-Identifier: GPL-2.0-or-later
// Ports of a connection against those of a rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ctflow/connection_match.hpp"
#include "ctflow/flow.hpp"
#include "encode/record_values.hpp"

namespace ctflow {

/// Whether a list that may be empty has `port`.
inline bool allows(const std::vector<PortMatch>& ranges, std::uint16_t port) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const PortMatch& range) {
           return range.first <= port && port <= range.last;
         });
}

inline bool ports_match(const FilterRule& rule, const Tuple& tuple) {
  if (rule.ports.empty() && rule.source_ports.empty() && rule.destination_ports.empty()) {
    return true;
  }
  return record_value::has_ports(tuple.protocol) && allows(rule.source_ports, tuple.source_port) &&
         allows(rule.destination_ports, tuple.destination_port) &&
         (allows(rule.ports, tuple.source_port) || allows(rule.ports, tuple.destination_port));
}

}  // namespace ctflow
