// SPDX-License-Identifier: GPL-2.0-or-later
// What rtnetlink said of links, nexthop objects, routes and rules, and how packets are routed by
// it. No sockets: it is fed with messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "enrich/route_store.hpp"
#include "enrich/routing_message.hpp"
#include "enrich/rule_list.hpp"

namespace ctflow {

/// How packets to an address are routed.
struct RouteAnswer {
  enum class Kind : std::uint8_t {
    kNone,     ///< no route, or one that refuses
    kForward,  ///< out through `interface`
    kLocal,    ///< an address of this host
    kGroup,    ///< broadcast or multicast: this host, too
  };

  Kind kind = Kind::kNone;
  AddressFamily gateway_family = AddressFamily::kNone;
  std::uint8_t length = 0;  ///< of the prefix that matched
  /// An alias of ours or the way out; 0 = several ways through different interfaces.
  std::uint32_t interface = 0;
  std::uint32_t table = 0;
  IpAddress gateway;       ///< zeros: on the link, or several
  bool undecided = false;  ///< a rule was passed over that asks for what is not known
};

/// What applying a message did.
enum class Applied : std::uint8_t {
  kNothing,  ///< it is not for us
  kChanged,
  kStale,    ///< changed, and the kernel may have dropped routes without telling
  kUnknown,  ///< something was removed that we did not know
  kMalformed,
};

class RoutingState {
 public:
  using Links = std::unordered_map<std::uint32_t, Link>;

  /// A VRF device.
  struct Vrf {
    InterfaceName name;
    std::uint32_t table;
  };

  /// Takes one whole netlink message.
  Applied apply(Bytes message);

  /// Where packets to query.destination go. No allocation, no system call.
  [[nodiscard]] RouteAnswer route(const RouteQuery& query) const;

  /// Null: there is no such interface.
  [[nodiscard]] const Link* link(std::uint32_t index) const;
  /// The VRF device that an interface belongs to, or is; null = none.
  [[nodiscard]] const Link* vrf_of(std::uint32_t index) const;
  [[nodiscard]] const Links& links() const { return links_; }
  [[nodiscard]] const std::vector<Vrf>& vrfs() const { return vrfs_; }
  [[nodiscard]] const InterfaceName* loopback() const;
  [[nodiscard]] std::uint32_t loopback_index() const { return loopback_; }
  [[nodiscard]] bool rules_ask_for_ingress(AddressFamily family) const {
    return tables_of(family).rules.asks_for_ingress();
  }

  [[nodiscard]] std::size_t routes() const { return ipv4_.routes.size() + ipv6_.routes.size(); }
  [[nodiscard]] std::size_t rules() const { return ipv4_.rules.size() + ipv6_.rules.size(); }
  [[nodiscard]] std::size_t undecidable_rules() const {
    return ipv4_.rules.undecidable() + ipv6_.rules.undecidable();
  }
  /// Octets taken from the system for prefixes.
  [[nodiscard]] std::size_t memory() const { return ipv4_.routes.memory() + ipv6_.routes.memory(); }

 private:
  struct Family {
    explicit Family(AddressFamily family) : routes(family) {}
    RouteStore routes;
    RuleList rules;
  };

  /// What the hops of one or more routes have in common.
  struct Way;

  [[nodiscard]] const Family& tables_of(AddressFamily family) const {
    return family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  }
  Family& tables_of(AddressFamily family) { return family == AddressFamily::kIpv4 ? ipv4_ : ipv6_; }

  Applied apply_link(Bytes message, bool added);
  Applied apply_nexthop(Bytes message, bool added);
  Applied apply_route(Bytes message, bool added);
  Applied apply_rule(Bytes message, bool added);
  void list_vrfs();

  void add_hop(const Hop& hop, Way& way) const;
  void add_hops(const Route& route, Way& way) const;
  /// The route of a prefix that the kernel takes, and its way. Null: none can be used.
  const Route* choose(const RouteStore::Routes& routes, const RouteQuery& query, Way& way) const;
  RuleList::Outcome look_up(std::uint32_t table, const RouteQuery& query,
                            RouteAnswer& answer) const;
  [[nodiscard]] bool suppressed(const Rule& rule, const RouteAnswer& answer) const;

  Links links_;
  std::vector<Vrf> vrfs_;
  std::unordered_map<std::uint32_t, Nexthop> nexthops_;
  std::uint32_t loopback_ = 0;
  Family ipv4_{AddressFamily::kIpv4};
  Family ipv6_{AddressFamily::kIpv6};
};

}  // namespace ctflow
