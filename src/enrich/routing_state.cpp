// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing_state.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace ctflow {

struct RoutingState::Way {
  Hop hop;
  unsigned hops = 0;
  bool interfaces_differ = false;
  bool gateways_differ = false;
  bool blackhole = false;
};

Applied RoutingState::apply(Bytes message) {
  if (message.size() < sizeof(nlmsghdr)) return Applied::kMalformed;
  switch (load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type))) {
    case RTM_NEWLINK:
      return apply_link(message, true);
    case RTM_DELLINK:
      return apply_link(message, false);
    case RTM_NEWNEXTHOP:
      return apply_nexthop(message, true);
    case RTM_DELNEXTHOP:
      return apply_nexthop(message, false);
    case RTM_NEWROUTE:
      return apply_route(message, true);
    case RTM_DELROUTE:
      return apply_route(message, false);
    case RTM_NEWRULE:
      return apply_rule(message, true);
    case RTM_DELRULE:
      return apply_rule(message, false);
    case RTM_DELADDR:
      return Applied::kStale;  // IPv4 routes that prefer it as their source go in silence
    default:
      return Applied::kNothing;
  }
}

Applied RoutingState::apply_link(Bytes message, bool added) {
  Link link;
  const Decoded decoded = decode_link(message, link);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  const auto known = links_.find(link.index);
  const bool was_up = known != links_.end() && known->second.up;
  if (added) {
    if (known != links_.end() && known->second == link) return Applied::kNothing;
    links_[link.index] = link;
    if (link.loopback) loopback_ = link.index;
  } else if (known == links_.end()) {
    return Applied::kUnknown;
  } else {
    links_.erase(known);
  }
  list_vrfs();
  // The kernel removes the IPv4 routes through an interface that goes down without telling.
  return was_up && !(added && link.up) ? Applied::kStale : Applied::kChanged;
}

void RoutingState::list_vrfs() {
  vrfs_.clear();
  for (const auto& [index, link] : links_) {
    if (link.vrf_table != 0) vrfs_.push_back({link.name, link.vrf_table});
  }
}

Applied RoutingState::apply_nexthop(Bytes message, bool added) {
  Nexthop nexthop;
  const Decoded decoded = decode_nexthop(message, nexthop);
  if (decoded != Decoded::kYes) return Applied::kMalformed;
  if (added) {
    const std::uint32_t id = nexthop.id;
    nexthops_[id] = std::move(nexthop);
    return Applied::kChanged;
  }
  // Its routes go with it, IPv4 ones without telling.
  return nexthops_.erase(nexthop.id) == 1 ? Applied::kStale : Applied::kUnknown;
}

Applied RoutingState::apply_route(Bytes message, bool added) {
  RouteMessage route;
  const Decoded decoded = decode_route(message, route);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  RouteStore& routes = tables_of(route.family).routes;
  if (added) {
    routes.add(route);
    return Applied::kChanged;
  }
  return routes.remove(route) ? Applied::kChanged : Applied::kUnknown;
}

Applied RoutingState::apply_rule(Bytes message, bool added) {
  Rule rule;
  const Decoded decoded = decode_rule(message, rule);
  if (decoded == Decoded::kMalformed) return Applied::kMalformed;
  if (decoded == Decoded::kIgnored) return Applied::kNothing;
  RuleList& rules = tables_of(rule.family).rules;
  if (added) {
    rules.add(rule);
    return Applied::kChanged;
  }
  return rules.remove(rule) ? Applied::kChanged : Applied::kUnknown;
}

const Link* RoutingState::link(std::uint32_t index) const {
  const auto found = links_.find(index);
  return found == links_.end() ? nullptr : &found->second;
}

const Link* RoutingState::vrf_of(std::uint32_t index) const {
  const Link* own = link(index);
  if (own == nullptr || own->vrf_table != 0) return own;
  const Link* master = own->master == 0 ? nullptr : link(own->master);
  return master != nullptr && master->vrf_table != 0 ? master : nullptr;
}

const InterfaceName* RoutingState::loopback() const {
  const Link* found = link(loopback_);
  return found == nullptr ? nullptr : &found->name;
}

void RoutingState::add_hop(const Hop& hop, Way& way) const {
  const Link* out = link(hop.interface);
  if (out == nullptr || !out->up) return;  // the kernel does not take it
  if (++way.hops == 1) {
    way.hop = hop;
    return;
  }
  way.interfaces_differ = way.interfaces_differ || hop.interface != way.hop.interface;
  way.gateways_differ = way.gateways_differ || hop.gateway != way.hop.gateway;
}

void RoutingState::add_hops(const Route& route, Way& way) const {
  for (const Hop& hop : route.hops) add_hop(hop, way);
  if (route.nexthop_id == 0) return;
  const auto add_object = [&](std::uint32_t id) -> const Nexthop* {
    const auto found = nexthops_.find(id);
    if (found == nexthops_.end()) return nullptr;
    const Nexthop& nexthop = found->second;
    way.blackhole = way.blackhole || nexthop.blackhole;
    if (nexthop.group.empty() && !nexthop.blackhole) add_hop(nexthop.hop, way);
    return &nexthop;
  };
  const Nexthop* nexthop = add_object(route.nexthop_id);
  if (nexthop == nullptr) return;
  for (const std::uint32_t member : nexthop->group) add_object(member);  // groups do not nest
}

const Route* RoutingState::choose(const RouteStore::Routes& routes, const RouteQuery& query,
                                  Way& way) const {
  const Route* chosen = nullptr;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    const bool is_ipv4 = query.family == AddressFamily::kIpv4;
    if (is_ipv4 && route.order != 0) continue;  // for a TOS that conntrack does not tell
    if (!route.source.covers(query.source)) continue;
    // Routes come by metric, but the nearest source goes before it.
    const bool nearer = chosen == nullptr || route.source.length > chosen->source.length;
    const bool equal =
        !nearer && !is_ipv4 && route.type == chosen->type && same_rank(route, *chosen);
    if (!nearer && !equal) continue;
    Way added = nearer ? Way{} : way;
    const unsigned before = added.hops;
    add_hops(route, added);
    if (route.type == RTN_UNICAST && added.hops == before && !added.blackhole) continue;
    way = added;  // of equal routes the kernel may take any
    if (nearer) chosen = &route;
  }
  return chosen;
}

RuleList::Outcome RoutingState::look_up(std::uint32_t table, const RouteQuery& query,
                                        RouteAnswer& answer) const {
  using Kind = RouteAnswer::Kind;
  const Route* chosen = nullptr;
  Way way;
  const auto accept = [&](const RouteStore::Routes& routes) {
    way = {};
    chosen = choose(routes, query, way);
    return chosen != nullptr;
  };
  const PrefixTable::Match match =
      tables_of(query.family).routes.longest(table, query.destination, accept);
  if (chosen == nullptr || chosen->type == RTN_THROW) return RuleList::Outcome::kContinue;
  switch (chosen->type) {
    case RTN_UNICAST:
      if (way.blackhole) return RuleList::Outcome::kRefused;
      answer.kind = Kind::kForward;
      break;
    case RTN_LOCAL:
    case RTN_ANYCAST:
      answer.kind = Kind::kLocal;
      break;
    case RTN_BROADCAST:
    case RTN_MULTICAST:
      answer.kind = Kind::kGroup;
      break;
    default:
      return RuleList::Outcome::kRefused;
  }
  answer.table = table;
  answer.length = match.length;
  answer.interface = way.interfaces_differ ? 0 : way.hop.interface;
  answer.gateway = {};
  answer.gateway_family = AddressFamily::kNone;
  if (!way.gateways_differ && answer.kind == Kind::kForward) {
    answer.gateway = way.hop.gateway;
    answer.gateway_family = way.hop.gateway_family;
  }
  return RuleList::Outcome::kFound;
}

bool RoutingState::suppressed(const Rule& rule, const RouteAnswer& answer) const {
  if (rule.suppress_length >= 0 && answer.length <= rule.suppress_length) return true;
  if (rule.suppress_group < 0) return false;
  const Link* out = link(answer.interface);
  return out != nullptr && out->group == static_cast<std::uint32_t>(rule.suppress_group);
}

RouteAnswer RoutingState::route(const RouteQuery& query) const {
  RouteAnswer answer;
  if (query.destination == PrefixKey{}) return answer;  // a host that has no address yet
  bool undecided = false;
  const RuleList::Outcome outcome =
      tables_of(query.family)
          .rules.evaluate(
              query, undecided, [&](std::uint32_t table) { return look_up(table, query, answer); },
              [&](const Rule& rule) { return suppressed(rule, answer); });
  if (outcome != RuleList::Outcome::kFound) answer = {};
  answer.undecided = undecided;
  return answer;
}

}  // namespace ctflow
