// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_state.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace ctflow {

Applied RoutingState::apply(Bytes message, RoutingTime now) {
  known_answers_.forget_all();
  const Applied applied = apply_any(message, now);
  if (applied == Applied::kChanged || applied == Applied::kStale) {
    last_change_ = std::max(last_change_, now);
  }
  return applied;
}

Applied RoutingState::apply_any(Bytes message, RoutingTime now) {
  if (message.size() < sizeof(nlmsghdr)) return Applied::kMalformed;
  switch (load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type))) {
    case RTM_NEWLINK:
      return apply_link(message, true, now);
    case RTM_DELLINK:
      return apply_link(message, false, now);
    case RTM_NEWADDR:
      return apply_address(message, true, now);
    case RTM_DELADDR:
      return apply_address(message, false, now);
    case RTM_NEWNEXTHOP:
      return apply_nexthop(message, true, now);
    case RTM_DELNEXTHOP:
      return apply_nexthop(message, false, now);
    case RTM_NEWROUTE:
      return apply_route(message, true, now);
    case RTM_DELROUTE:
      return apply_route(message, false, now);
    case RTM_NEWRULE:
      return apply_rule(message, true, now);
    case RTM_DELRULE:
      return apply_rule(message, false, now);
    default:
      return Applied::kNothing;
  }
}

Applied RoutingState::apply_link(Bytes message, bool added, RoutingTime now) {
  Link link;
  const Decoded decoded = decode_link(message, link);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  const std::uint32_t index = link.index;
  const Link* known = links_.at(index, kNow);
  const Link before = known == nullptr ? Link{} : *known;
  if (added) {
    if (link.loopback) loopback_ = index;
    if (!links_.set(index, link, now)) return Applied::kNothing;
  } else {
    if (!links_.erase(index, now)) return Applied::kUnknown;
    addresses_.remove_all(index, now);
    link.up = link.carrier = false;
  }
  list_vrfs();
  // The kernel removes IPv4 routes through an interface that goes down without a message, and
  // nexthop objects already when it loses its carrier.
  const bool went_down = before.up && !link.up;
  bool stale = went_down;
  if (went_down || !added || (before.carrier && !link.carrier)) {
    stale = bury_nexthops(index, now) || stale;
  }
  if (went_down || !added) bury_routes(now);
  if (!added) {
    // One way that is no more takes an IPv4 route of several ways with it (fib_sync_down_dev).
    ipv4_.routes.bury(
        [index](const Route& route) {
          return std::any_of(route.hops.begin(), route.hops.end(),
                             [index](const Hop& hop) { return hop.interface == index; });
        },
        now);
  }
  return stale ? Applied::kStale : Applied::kChanged;
}

bool RoutingState::leads_nowhere(std::uint32_t nexthop_id) const {
  const Nexthop* nexthop = nexthops_.at(nexthop_id, kNow);
  if (nexthop == nullptr) return true;
  return !nexthop->group.empty() &&
         std::none_of(nexthop->group.begin(), nexthop->group.end(),
                      [this](std::uint32_t id) { return nexthops_.at(id, kNow) != nullptr; });
}

bool RoutingState::leads_nowhere(const Route& route) const {
  if (route.nexthop_id != 0) return leads_nowhere(route.nexthop_id);
  // Addresses of an interface that is down stay this host's, as long as there is the interface.
  const bool is_local = route.type == RTN_LOCAL;
  return !route.hops.empty() &&
         std::all_of(route.hops.begin(), route.hops.end(), [&](const Hop& hop) {
           const Link* out = links_.at(hop.interface, kNow);
           return out == nullptr || (!out->up && !is_local);
         });
}

void RoutingState::bury_routes(RoutingTime now) {
  for (Family* family : {&ipv4_, &ipv6_}) {
    family->routes.bury([this](const Route& route) { return leads_nowhere(route); }, now);
  }
}

bool RoutingState::bury_nexthops(std::uint32_t interface, RoutingTime now) {
  std::vector<std::uint32_t> gone;
  nexthops_.for_each([&](std::uint32_t id, const Nexthop& nexthop) {
    if (nexthop.group.empty() && !nexthop.blackhole && nexthop.hop.interface == interface) {
      gone.push_back(id);
    }
  });
  for (const std::uint32_t id : gone) nexthops_.erase(id, now);
  if (!gone.empty()) bury_routes(now);
  return !gone.empty();
}

void RoutingState::list_vrfs() {
  vrfs_.clear();
  links_.for_each_ever([this](const Link& link) {
    const auto is_same = [&](const Vrf& vrf) {
      return vrf.index == link.index && vrf.table == link.vrf_table && vrf.name == link.name;
    };
    if (link.vrf_table == 0 || std::any_of(vrfs_.begin(), vrfs_.end(), is_same)) return;
    vrfs_.push_back({link.index, link.name, link.vrf_table});
  });
}

Applied RoutingState::apply_address(Bytes message, bool added, RoutingTime now) {
  InterfaceAddress address;
  const Decoded decoded = decode_address(message, address);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  if (added) return addresses_.add(address, now) ? Applied::kChanged : Applied::kNothing;
  const bool removed = addresses_.remove(address, now);
  // With its last address an interface loses all IPv4 routes, and older kernels remove those that
  // prefer an address as their source: in silence.
  const std::uint32_t interface = address.interface;
  if (removed && address.family == AddressFamily::kIpv4 && !addresses_.has_ipv4(interface)) {
    ipv4_.routes.bury(
        [&](const Route& route) {
          return !route.hops.empty() &&
                 std::all_of(route.hops.begin(), route.hops.end(), [&](const Hop& hop) {
                   const Link* out = links_.at(hop.interface, kNow);
                   const bool is_down = out == nullptr || (!out->up && route.type != RTN_LOCAL);
                   return hop.interface == interface || is_down;
                 });
        },
        now);
  }
  if (address.family == AddressFamily::kIpv4) return Applied::kStale;
  return removed ? Applied::kChanged : Applied::kUnknown;
}

Applied RoutingState::apply_nexthop(Bytes message, bool added, RoutingTime now) {
  Nexthop nexthop;
  const Decoded decoded = decode_nexthop(message, nexthop);
  if (decoded != Decoded::kYes) return Applied::kMalformed;
  const std::uint32_t id = nexthop.id;
  if (added) {
    return nexthops_.set(id, std::move(nexthop), now) ? Applied::kChanged : Applied::kNothing;
  }
  if (!nexthops_.erase(id, now)) return Applied::kUnknown;
  bury_routes(now);  // its routes go with it, IPv4 ones without a message
  return Applied::kStale;
}

Applied RoutingState::apply_route(Bytes message, bool added, RoutingTime now) {
  RouteMessage route;
  const Decoded decoded = decode_route(message, route);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  RouteStore& routes = tables_of(route.family).routes;
  if (added) {
    routes.add(route, now);
    return Applied::kChanged;
  }
  return routes.remove(route, now) ? Applied::kChanged : Applied::kUnknown;
}

Applied RoutingState::apply_rule(Bytes message, bool added, RoutingTime now) {
  Rule rule;
  const Decoded decoded = decode_rule(message, rule);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  RuleList& rules = tables_of(rule.family).rules;
  if (added) {
    rules.add(rule, now);
    return Applied::kChanged;
  }
  return rules.remove(rule, now) ? Applied::kChanged : Applied::kUnknown;
}

const Link* RoutingState::vrf_of(std::uint32_t index, RoutingTime time) const {
  if (vrfs_.empty()) return nullptr;
  const Link* own = link(index, time);
  if (own == nullptr || own->vrf_table != 0) return own;
  const Link* master = own->master == 0 ? nullptr : link(own->master, time);
  return master != nullptr && master->vrf_table != 0 ? master : nullptr;
}

const InterfaceName* RoutingState::loopback() const {
  const Link* found = link(loopback_);
  return found == nullptr ? nullptr : &found->name;
}

std::uint64_t RoutingState::forgotten() const {
  return links_.forgotten() + nexthops_.forgotten() + addresses_.forgotten() +
         ipv4_.routes.forgotten() + ipv4_.rules.forgotten() + ipv6_.routes.forgotten() +
         ipv6_.rules.forgotten();
}

void RoutingState::inherit(const RoutingState& older, RoutingTime now) {
  links_.inherit(older.links_, now);
  nexthops_.inherit(older.nexthops_, now);
  addresses_.inherit(older.addresses_, now);
  ipv4_.routes.inherit(older.ipv4_.routes, now);
  ipv4_.rules.inherit(older.ipv4_.rules, now);
  ipv6_.routes.inherit(older.ipv6_.routes, now);
  ipv6_.rules.inherit(older.ipv6_.rules, now);
  last_change_ = now;  // something may differ
  known_answers_.forget_all();
  list_vrfs();
}

}  // namespace ctflow
