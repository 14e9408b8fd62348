// SPDX-License-Identifier: GPL-2.0-or-later
// What rtnetlink said of links, addresses, nexthop objects, routes and rules, and how packets are
// routed by it, now or some minutes ago. No sockets and no clock: it is fed with messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "enrich/routing/interface_addresses.hpp"
#include "enrich/routing/route_answer.hpp"
#include "enrich/routing/route_store.hpp"
#include "enrich/routing/routing_message.hpp"
#include "enrich/routing/routing_time.hpp"
#include "enrich/routing/rule_list.hpp"
#include "enrich/routing/timeline.hpp"

namespace ctflow {

/// What applying a message did.
enum class Applied : std::uint8_t {
  kNothing,  ///< it is not for us
  kChanged,
  kStale,    ///< changed, and the kernel may have dropped routes without a message
  kUnknown,  ///< something was removed that we did not know
  kMalformed,
};

class RoutingState {
 public:
  /// A VRF device that is or was.
  struct Vrf {
    std::uint32_t index;
    InterfaceName name;
    std::uint32_t table;
  };

  /// Takes one whole netlink message. `now` is kAlways while the kernel is read for the first time:
  /// then nothing of the past is remembered.
  Applied apply(Bytes message, RoutingTime now = kAlways);

  /// Where packets to query.destination go, as of query.time. No allocation, no system call. With
  /// query.returning a shorter prefix in the table of a rule that may fit raises no doubt: tables
  /// by mark often know the way out only, and who sent packets to the initiator by them would send
  /// them back out. With query.through, what only a rule that may fit leads to is found, too.
  [[nodiscard]] RouteAnswer route(const RouteQuery& query) const;
  /// The same without what is known of earlier questions.
  [[nodiscard]] RouteAnswer route_anew(const RouteQuery& query) const;

  /// Whether of a packet of now nothing but its destination counts: not where it came in or from,
  /// nor a mark.
  [[nodiscard]] bool goes_by_destination(AddressFamily family) const {
    return tables_of(family).goes_by_destination() && !asks_for_ingress(family);
  }
  /// What route() answers then, for all packets to an address.
  [[nodiscard]] RouteAnswer route_to(AddressFamily family, const IpAddress& address) const {
    const PrefixKey destination = PrefixKey::of(address);
    return known_answers_.answer(family, destination, [&] {
      RouteQuery query;
      query.family = family;
      query.destination = destination;
      return route_anew(query);
    });
  }

  /// Has the processor fetch what route() will read of a large table for two destinations at once,
  /// which otherwise would be waited for one after the other. Changes no answer.
  void prefetch(AddressFamily family, const IpAddress& one, const IpAddress& other) const {
    const PrefixTable* table = tables_of(family).routes.large_table();
    if (table == nullptr) return;
    const PrefixKey first = PrefixKey::of(one);
    const PrefixKey second = PrefixKey::of(other);
    table->prefetch(first);
    table->prefetch(second);
    table->prefetch_next(first);
    table->prefetch_next(second);
  }

  /// Null: there is, or was, no such interface.
  [[nodiscard]] const Link* link(std::uint32_t index, RoutingTime time = kNow) const {
    return links_.at(index, time);
  }
  /// The VRF device that an interface belongs to, or is; null = none.
  [[nodiscard]] const Link* vrf_of(std::uint32_t index, RoutingTime time = kNow) const;
  [[nodiscard]] std::size_t interfaces() const { return links_.size(); }
  /// Calls `visit(link)` for every interface.
  template <typename Visit>
  void for_each_link(Visit visit) const {
    links_.for_each([&](std::uint32_t /*index*/, const Link& link) { visit(link); });
  }
  [[nodiscard]] bool remembers_link(std::uint32_t index) const { return links_.has(index); }
  [[nodiscard]] const std::vector<Vrf>& vrfs() const { return vrfs_; }
  [[nodiscard]] const InterfaceName* loopback() const;
  [[nodiscard]] std::uint32_t loopback_index() const { return loopback_; }
  [[nodiscard]] InterfaceAddresses::Owner owner(AddressFamily family, const IpAddress& address,
                                                RoutingTime time) const {
    return addresses_.owner(family, address, time);
  }
  /// Whether it matters through which interface packets come in: to a rule, or for a VRF.
  [[nodiscard]] bool asks_for_ingress(AddressFamily family) const {
    return !vrfs_.empty() || tables_of(family).rules.asks_for_ingress();
  }
  /// From then on everything is as it is now; kAlways: nothing was changed yet.
  [[nodiscard]] RoutingTime last_change() const { return last_change_; }

  [[nodiscard]] std::size_t routes() const { return ipv4_.routes.size() + ipv6_.routes.size(); }
  [[nodiscard]] std::size_t rules() const { return ipv4_.rules.size() + ipv6_.rules.size(); }
  [[nodiscard]] std::size_t addresses() const { return addresses_.size(); }
  [[nodiscard]] std::size_t undecidable_rules() const {
    return ipv4_.rules.undecidable() + ipv6_.rules.undecidable();
  }
  /// Octets taken from the system for prefixes.
  [[nodiscard]] std::size_t memory() const { return ipv4_.routes.memory() + ipv6_.routes.memory(); }
  /// Changes forgotten before their time, because there were too many.
  [[nodiscard]] std::uint64_t forgotten() const;

  /// Takes over what `older` remembers, into a state that was read anew; what differs is taken to
  /// have changed at `now`.
  void inherit(const RoutingState& older, RoutingTime now);

 private:
  struct Family {
    explicit Family(AddressFamily family) : routes(family) {}
    RouteStore routes;
    RuleList rules;

    /// Whether of a packet only its destination counts, as long as no time of the past is asked
    /// for.
    [[nodiscard]] bool goes_by_destination() const {
      return rules.fit_all() && !routes.goes_by_source();
    }
  };

  /// What the hops of one or more routes have in common.
  struct Way;
  /// What the rules came to so far.
  struct Decision;

  [[nodiscard]] const Family& tables_of(AddressFamily family) const {
    return family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  }
  Family& tables_of(AddressFamily family) { return family == AddressFamily::kIpv4 ? ipv4_ : ipv6_; }

  Applied apply_any(Bytes message, RoutingTime now);
  Applied apply_link(Bytes message, bool added, RoutingTime now);
  Applied apply_address(Bytes message, bool added, RoutingTime now);
  Applied apply_nexthop(Bytes message, bool added, RoutingTime now);
  Applied apply_route(Bytes message, bool added, RoutingTime now);
  Applied apply_rule(Bytes message, bool added, RoutingTime now);
  void list_vrfs();
  /// What the kernel drops in silence when a link goes down or away.
  void bury_routes(RoutingTime now);
  bool bury_nexthops(std::uint32_t interface, RoutingTime now);
  [[nodiscard]] bool leads_nowhere(const Route& route) const;
  [[nodiscard]] bool leads_nowhere(std::uint32_t nexthop_id) const;

  // How the kernel chooses: route_lookup.cpp.
  enum class Outcome : std::uint8_t {
    kContinue,  ///< nothing found: the next rule
    kFound,     ///< unless the rule suppresses it
    kRefused,   ///< unreachable, prohibited, dropped: no further rule counts
  };
  void add_hop(const Hop& hop, const RouteQuery& query, Way& way) const;
  void add_hops(const Route& route, const RouteQuery& query, Way& way) const;
  /// The route of a prefix that the kernel takes, and its way. Null: none can be used.
  const Route* choose(const RouteStore::Routes& routes, const RouteQuery& query, Way& way) const;
  Outcome look_up(std::uint32_t table, const RouteQuery& query, RouteAnswer& answer) const;
  Outcome act(const Rule& rule, const RouteQuery& query, RouteAnswer& answer) const;
  RuleList::Next decide(const Rule& rule, RuleList::Fit fit, const RouteQuery& query,
                        Decision& decision) const;
  [[nodiscard]] bool suppressed(const Rule& rule, const RouteQuery& query,
                                const RouteAnswer& answer) const;

  Timeline<std::uint32_t, Link> links_;
  Timeline<std::uint32_t, Nexthop> nexthops_;
  InterfaceAddresses addresses_;
  std::vector<Vrf> vrfs_;
  std::uint32_t loopback_ = 0;
  RoutingTime last_change_ = kAlways;
  Family ipv4_{AddressFamily::kIpv4};
  Family ipv6_{AddressFamily::kIpv6};
  mutable KnownAnswers known_answers_;
};

}  // namespace ctflow
