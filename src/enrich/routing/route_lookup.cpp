// SPDX-License-Identifier: GPL-2.0-or-later
// RoutingState::route(): rules, tables, prefixes, routes and hops, as the kernel goes through them.
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "enrich/routing/routing_state.hpp"

namespace ctflow {
namespace {

/// So many rules that only may fit are followed; with more of them nothing is sure.
constexpr unsigned kAlternatives = 64;

}  // namespace

struct RoutingState::Way {
  Hop hop;
  unsigned hops = 0;
  bool interfaces_differ = false;
  bool gateways_differ = false;
  bool blackhole = false;
  bool forgotten = false;
};

struct RoutingState::Decision {
  /// Where a rule leads that may fit, or that would have counted if one before it did not fit.
  struct Alternative {
    std::uint32_t interface;
    std::uint8_t length;
  };

  RouteAnswer answer;
  RouteAnswer possible;  ///< the first alternative
  bool decided = false;
  bool undecided = false;
  bool forgotten = false;
  bool doubtful = false;  ///< beyond what the alternatives say
  std::array<Alternative, 8> alternatives{};
  std::size_t size = 0;
  unsigned tried = 0;  ///< rules that only may fit

  void add(const RouteAnswer& found) {
    if (size == 0) possible = found;
    const auto known =
        std::find_if(alternatives.begin(), alternatives.begin() + size,
                     [&](const Alternative& one) { return one.interface == found.interface; });
    if (known != alternatives.begin() + size) {
      known->length = std::max(known->length, found.length);
    } else if (size < alternatives.size()) {
      alternatives[size++] = {found.interface, found.length};
    } else {
      doubtful = true;
    }
  }

  [[nodiscard]] bool leads_elsewhere(bool returning) const {
    return std::any_of(alternatives.begin(), alternatives.begin() + size,
                       [&](const Alternative& one) {
                         const bool counts = !returning || one.length >= answer.length;
                         return counts && (one.interface == 0 || one.interface != answer.interface);
                       });
  }
};

void RoutingState::add_hop(const Hop& hop, const RouteQuery& query, Way& way) const {
  if (query.through != 0 && hop.interface != query.through) return;
  const Link* out = link(hop.interface, query.time);
  if (out == nullptr || !out->up) return;  // the kernel does not take it
  if (++way.hops == 1) {
    way.hop = hop;
    return;
  }
  way.interfaces_differ = way.interfaces_differ || hop.interface != way.hop.interface;
  way.gateways_differ = way.gateways_differ || hop.gateway != way.hop.gateway;
}

void RoutingState::add_hops(const Route& route, const RouteQuery& query, Way& way) const {
  for (const Hop& hop : route.hops) add_hop(hop, query, way);
  if (route.nexthop_id == 0) return;
  const auto add_object = [&](std::uint32_t id) -> const Nexthop* {
    way.forgotten = way.forgotten || nexthops_.forgot(id, query.time);
    const Nexthop* nexthop = nexthops_.at(id, query.time);
    if (nexthop == nullptr) return nullptr;
    way.blackhole = way.blackhole || nexthop->blackhole;
    if (nexthop->group.empty() && !nexthop->blackhole) add_hop(nexthop->hop, query, way);
    return nexthop;
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
    if (is_ipv4 && route.order != 0) continue;  // for a TOS, which conntrack does not have
    if (routes.is_dead(i) || !route.source.covers(query.source)) continue;
    // Routes come by metric, but the nearest source goes before it.
    const bool nearer = chosen == nullptr || route.source.length > chosen->source.length;
    const bool equal =
        !nearer && !is_ipv4 && route.type == chosen->type && same_rank(route, *chosen);
    if (!nearer && !equal) continue;
    Way added = nearer ? Way{} : way;
    const unsigned before = added.hops;
    add_hops(route, query, added);
    if (route.type == RTN_UNICAST && added.hops == before && !added.blackhole) continue;
    way = added;  // of equal routes the kernel may take any
    if (nearer) chosen = &route;
  }
  return chosen;
}

RoutingState::Outcome RoutingState::look_up(std::uint32_t table, const RouteQuery& query,
                                            RouteAnswer& answer) const {
  using Kind = RouteAnswer::Kind;
  const RouteStore& routes = tables_of(query.family).routes;
  const Route* chosen = nullptr;
  Way way;
  const auto accept = [&](const RouteStore::Routes& of_prefix) {
    way = {};
    chosen = choose(of_prefix, query, way);
    return chosen != nullptr;
  };
  const PrefixTable::Match match = routes.longest(table, query.destination, query.time, accept);
  answer.forgotten =
      way.forgotten || routes.forgot(table, query.destination, match.length, query.time);
  if (chosen == nullptr || chosen->type == RTN_THROW) return Outcome::kContinue;
  switch (chosen->type) {
    case RTN_UNICAST:
      if (way.blackhole) return Outcome::kRefused;
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
      return Outcome::kRefused;
  }
  answer.table = table;
  answer.length = match.length;
  answer.interface = way.interfaces_differ ? 0 : way.hop.interface;
  if (!way.gateways_differ && answer.kind == Kind::kForward) {
    answer.gateway = way.hop.gateway;
    answer.gateway_family = way.hop.gateway_family;
  }
  return Outcome::kFound;
}

bool RoutingState::suppressed(const Rule& rule, const RouteQuery& query,
                              const RouteAnswer& answer) const {
  if (rule.suppress_length >= 0 && answer.length <= rule.suppress_length) return true;
  if (rule.suppress_group < 0) return false;
  const Link* out = link(answer.interface, query.time);
  return out != nullptr && out->group == static_cast<std::uint32_t>(rule.suppress_group);
}

RoutingState::Outcome RoutingState::act(const Rule& rule, const RouteQuery& query,
                                        RouteAnswer& answer) const {
  switch (rule.action) {
    case FR_ACT_TO_TBL: {
      const Outcome outcome = look_up(rule.vrf ? query.vrf_table : rule.table, query, answer);
      const bool is_suppressed = outcome == Outcome::kFound && suppressed(rule, query, answer);
      return is_suppressed ? Outcome::kContinue : outcome;
    }
    case FR_ACT_BLACKHOLE:
    case FR_ACT_UNREACHABLE:
    case FR_ACT_PROHIBIT:
      return Outcome::kRefused;
    default:
      return Outcome::kContinue;
  }
}

RuleList::Next RoutingState::decide(const Rule& rule, RuleList::Fit fit, const RouteQuery& query,
                                    Decision& decision) const {
  const bool is_possible = fit == RuleList::Fit::kPossible;
  const bool asks_for_ingress = rule.ingress[0] != '\0' && query.ingress == nullptr;
  if (is_possible && !decision.decided && (rule.undecidable || asks_for_ingress)) {
    decision.undecided = true;
  }
  if (rule.action == FR_ACT_GOTO) {
    decision.doubtful = decision.doubtful || fit != RuleList::Fit::kSure;
    return RuleList::Next::kRule;
  }
  if (is_possible && ++decision.tried > kAlternatives) {
    decision.doubtful = true;
    return RuleList::Next::kRule;
  }
  RouteAnswer found;
  const Outcome outcome = act(rule, query, found);
  if (!decision.decided && !is_possible) {
    decision.forgotten = decision.forgotten || found.forgotten;
  }
  if (outcome == Outcome::kContinue) return RuleList::Next::kRule;
  if (!decision.decided && !is_possible) {
    decision.decided = true;
    if (outcome == Outcome::kFound) decision.answer = found;
  } else if (outcome == Outcome::kFound && found.kind == RouteAnswer::Kind::kForward) {
    // What would be dropped is no flow; and what a proxy on this host takes is none of these.
    decision.add(found);
  }
  const bool is_end = fit == RuleList::Fit::kSure || decision.doubtful;
  return is_end && decision.decided ? RuleList::Next::kStop : RuleList::Next::kRule;
}

RouteAnswer RoutingState::route(const RouteQuery& query) const {
  if (query.time != kNow || query.through != 0 || !tables_of(query.family).goes_by_destination()) {
    return route_anew(query);
  }
  return known_answers_.answer(query.family, query.destination, [&] { return route_anew(query); });
}

RouteAnswer RoutingState::route_anew(const RouteQuery& query) const {
  if (query.destination == PrefixKey{}) return {};  // a host that has no address yet
  const RuleList& rules = tables_of(query.family).rules;
  Decision decision;
  rules.walk(query, [&](const Rule& rule, RuleList::Fit fit) {
    return decide(rule, fit, query, decision);
  });
  RouteAnswer answer = decision.answer;
  const bool none = answer.kind == RouteAnswer::Kind::kNone;
  if (none && query.through != 0 && decision.size > 0) answer = decision.possible;
  if (none || answer.kind == RouteAnswer::Kind::kForward) {
    answer.doubtful = decision.doubtful || decision.leads_elsewhere(query.returning);
  }
  answer.undecided = decision.undecided;
  answer.forgotten = decision.forgotten || rules.forgot(query.time);
  return answer;
}

}  // namespace ctflow
