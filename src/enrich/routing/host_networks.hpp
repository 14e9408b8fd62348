// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses that this host has now, and which of its interfaces lead elsewhere. For threads
// that have no mirror of the routing.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "enrich/routing/routing_message.hpp"

namespace ctflow {

class HostNetworks {
 public:
  /// One message of a dump of links, addresses, routes or nexthop objects.
  void apply(Bytes message);

  [[nodiscard]] const std::vector<InterfaceAddress>& addresses() const { return addresses_; }
  [[nodiscard]] bool is_loopback(std::uint32_t interface) const {
    return loopback_.count(interface) != 0;
  }
  /// IPv4: in the main table; IPv6: in any.
  [[nodiscard]] bool has_default_route(std::uint32_t interface) const;
  /// A default route names one: its interfaces are known with the nexthop objects.
  [[nodiscard]] bool needs_nexthops() const { return !default_nexthops_.empty(); }

 private:
  void add_route(Bytes message);
  [[nodiscard]] bool leads_through(std::uint32_t nexthop, std::uint32_t interface) const;

  std::vector<InterfaceAddress> addresses_;
  std::set<std::uint32_t> loopback_;
  std::set<std::uint32_t> default_interfaces_;
  std::set<std::uint32_t> default_nexthops_;  ///< ids
  std::map<std::uint32_t, Nexthop> nexthops_;
};

/// Of the network namespace that the calling thread is in. What changes meanwhile may be missing.
/// Throws std::system_error.
HostNetworks read_host_networks();
/// The same without links and routes, which may be a million.
HostNetworks read_host_addresses();

}  // namespace ctflow
