// SPDX-License-Identifier: GPL-2.0-or-later
// Conditions on a connection, as the configuration names them, and filters made of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/network.hpp"

namespace ctflow {

/// Connections with `(mark & mask) == mark of this entry`.
struct MarkMatch {
  std::uint32_t mark = 0;
  std::uint32_t mask = 0xffff'ffff;

  friend bool operator==(const MarkMatch&, const MarkMatch&) = default;
};

/// A connection matches when it matches one entry of every list that is not empty. Addresses are
/// those of the original direction, as the initiator sent them: before NAT.
struct ConnectionMatch {
  std::vector<std::uint64_t> protocols{};  ///< IANA protocol numbers
  std::vector<Network> networks{};         ///< of the source or of the destination
  std::vector<Network> sources{};
  std::vector<Network> destinations{};
  std::vector<MarkMatch> marks{};

  friend bool operator==(const ConnectionMatch&, const ConnectionMatch&) = default;
};

/// Which connections are exported: those that match one of `include`, if there are any, and none of
/// `exclude`.
struct FilterConfig {
  std::vector<ConnectionMatch> include{};
  std::vector<ConnectionMatch> exclude{};

  friend bool operator==(const FilterConfig&, const FilterConfig&) = default;
};

/// Ports from the first to the last.
struct PortMatch {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  friend bool operator==(const PortMatch&, const PortMatch&) = default;
};

/// An interface by its name, or by its ifIndex where the name is empty.
struct InterfaceMatch {
  std::string name{};
  std::uint32_t index = 0;

  friend bool operator==(const InterfaceMatch&, const InterfaceMatch&) = default;
};

enum class FilterAction : std::uint8_t { kInclude, kExclude };

/// One rule of an output's filter: conditions as those of ConnectionMatch, and what only a flow
/// report has. The first rule that matches decides. What none matches is left out if any rule
/// includes, and goes out if all exclude.
struct FilterRule : ConnectionMatch {
  std::string name{};  ///< in the ledger; empty: its place in the list, from 1
  FilterAction action = FilterAction::kInclude;
  // After NAT, as the responder sees them. Without NAT the same as before it.
  std::vector<Network> post_nat_networks{};
  std::vector<Network> post_nat_sources{};
  std::vector<Network> post_nat_destinations{};
  // As the initiator sent them, before NAT. What has no ports matches none of them.
  std::vector<PortMatch> ports{};  ///< of the source or of the destination
  std::vector<PortMatch> source_ports{};
  std::vector<PortMatch> destination_ports{};
  std::vector<InterfaceMatch> interfaces{};          ///< any of those of both directions
  std::vector<InterfaceMatch> ingress_interfaces{};  ///< where the initiator's packets came in
  std::vector<InterfaceMatch> egress_interfaces{};   ///< … and went out
  std::vector<std::uint64_t> zones{};                ///< of either direction

  friend bool operator==(const FilterRule&, const FilterRule&) = default;
};

}  // namespace ctflow
