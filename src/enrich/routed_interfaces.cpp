// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routed_interfaces.hpp"

#include <algorithm>
#include <utility>

#include "enrich/address_evidence.hpp"
#include "enrich/address_scope.hpp"

namespace ctflow {
namespace {

using Kind = RouteAnswer::Kind;

std::uint32_t vrf_of(const Question& question, const Side& side) {
  const std::uint32_t index = side.interface != 0 ? side.interface : side.route.interface;
  const Link* vrf = question.state.vrf_of(index, question.time);
  return vrf == nullptr ? 0 : vrf->vrf_table;
}

/// Since the kernel wrote it: a part of a scan waits for a second. A recording is of any age, and
/// asked as if it were of now.
std::chrono::nanoseconds delay(const Flow& flow, const Instant& now) {
  constexpr std::chrono::seconds kLongest{10};
  const auto passed = now.wall - flow.event_time;
  return passed > passed.zero() && passed < kLongest ? passed : passed.zero();
}

/// Whether packets to one end of a usual connection go as its route says, without a doubt. Where
/// the address that this end sees is not the other end's own, it may be that of an interface, which
/// must be the same then. See address_evidence.cpp for all others.
bool is_beyond_doubt(const RoutingState& state, const RouteAnswer& route, AddressFamily family,
                     const IpAddress& end, const IpAddress& seen, const IpAddress& other) {
  if (route.kind != Kind::kForward || route.interface == 0 || route.doubtful || route.undecided ||
      route.forgotten || is_group(family, end) || is_link_local(family, end)) {
    return false;
  }
  if (seen == other) return true;
  const std::uint32_t owner = state.owner(family, seen, kNow).interface;
  return owner == 0 || owner == route.interface;
}

/// Next hops and prefix lengths of both directions; they have no VRF yet.
void set_routes(Flow& flow, const RouteAnswer& initiator, const RouteAnswer& responder) {
  const auto set = [](Routing& to, const RouteAnswer& source, const RouteAnswer& destination,
                      AddressFamily family) {
    to.next_hop = destination.gateway_family == family ? destination.gateway : IpAddress{};
    to.ingress_vrf = to.egress_vrf = 0;
    to.source_prefix_length = source.length;
    to.destination_prefix_length = destination.length;
  };
  set(flow.original_routing, initiator, responder, flow.original.family);
  set(flow.reply_routing, responder, initiator, flow.original.family);
}

}  // namespace

RoutedInterfaces::RoutedInterfaces(std::function<const RoutingState&()> state,
                                   const InterfacesConfig& config, InterfaceCounters& counters,
                                   Instant (*clock)())
    : state_(std::move(state)), configured_(config, counters), counters_(counters), clock_(clock) {}

Question RoutedInterfaces::ask(const Flow& flow, const RoutingState& state) const {
  Question question{flow, state};
  if (state.last_change() == kAlways) return question;
  // How long ago by the wall clock is how long ago by any other.
  const Instant now = clock_();
  const TimePoint present = flow.event_time + delay(flow, now);
  const auto ago = [&](TimePoint time) {
    return routing_time(now.steady) - std::max<RoutingTime>((present - time).count(), 0);
  };
  question.end = ago(flow.end);
  question.start = std::min(ago(flow.start), question.end);
  if (question.end < state.last_change()) question.time = question.end;
  return question;
}

void RoutedInterfaces::enrich(Flow& flow) {
  const RoutingState& state = state_();
  if (flow.original.family == flow.reply.family) {
    state.prefetch(flow.original.family, flow.original.source, flow.reply.source);
  }
  Question question = ask(flow, state);
  if (question.time == kNow && enrich_usual(flow, state)) return;
  const ConstantInterfaces::Choice configured = configured_.choose(flow);
  Sides sides = find_sides(question, configured.vrf);
  heed_scopes(question, sides);
  settle(question, sides);
  fill(flow, question, sides, configured.interfaces);
}

bool RoutedInterfaces::enrich_usual(Flow& flow, const RoutingState& state) {
  const AddressFamily family = flow.original.family;
  if (flow.extras.original.has_interfaces || flow.extras.reply.has_interfaces ||
      flow.reply.family != family || !state.goes_by_destination(family)) {
    return false;
  }
  const Tuple& original = flow.original;
  const Tuple& reply = flow.reply;
  const RouteAnswer initiator = state.route_to(family, original.source);
  const RouteAnswer responder = state.route_to(family, reply.source);
  if (!is_beyond_doubt(state, initiator, family, original.source, original.destination,
                       reply.source) ||
      !is_beyond_doubt(state, responder, family, reply.source, reply.destination,
                       original.source)) {
    return false;
  }
  counters_.from_routes += 2;
  flow.original_interfaces = {initiator.interface, responder.interface};
  flow.reply_interfaces = {responder.interface, initiator.interface};
  set_routes(flow, initiator, responder);
  return true;
}

void RoutedInterfaces::settle(const Question& question, Sides& sides) {
  const Settled initiator = settle_initiator(question, sides);
  const Settled responder = settle_responder(question, sides);
  const auto either = [&](Settled wanted) { return initiator == wanted || responder == wanted; };
  if (either(Settled::kDoubtful) || sides.initiator.route.undecided ||
      sides.responder.route.undecided) {
    ++counters_.undecided;
  }
  if (either(Settled::kContradicted)) ++counters_.contradicted;
  if (either(Settled::kForgotten)) ++counters_.forgotten;
}

void RoutedInterfaces::count(const Side& side, std::uint32_t configured) {
  if (side.measured) {
    ++counters_.from_kernel;
  } else if (is_known(side.route)) {
    ++counters_.from_routes;
  } else if (configured != 0) {
    ++counters_.from_settings;
  } else {
    ++counters_.unknown;
  }
}

void RoutedInterfaces::fill(Flow& flow, const Question& question, const Sides& sides,
                            const Interfaces& configured) {
  const RouteAnswer& initiator = sides.initiator.route;
  const RouteAnswer& responder = sides.responder.route;
  count(sides.initiator, configured.ingress);
  count(sides.responder, configured.egress);
  const auto interface_of = [](const Side& side, std::uint32_t otherwise) {
    return side.measured || is_known(side.route) ? side.interface : otherwise;
  };
  Interfaces original{interface_of(sides.initiator, configured.ingress),
                      interface_of(sides.responder, configured.egress)};
  Interfaces reply{original.egress, original.ingress};
  if (responder.kind == Kind::kGroup && initiator.kind != Kind::kLocal) original.egress = 0;
  if (initiator.kind == Kind::kLocal && responder.kind == Kind::kLocal) {
    // As the kernel has it: packets to oneself go out through the loopback interface.
    original.egress = reply.egress = question.state.loopback_index();
  }
  if (!flow.extras.original.has_interfaces) flow.original_interfaces = original;
  if (!flow.extras.reply.has_interfaces) flow.reply_interfaces = reply;

  set_routes(flow, initiator, responder);
  Routing& there = flow.original_routing;
  Routing& back = flow.reply_routing;
  there.ingress_vrf = back.egress_vrf = vrf_of(question, sides.initiator);
  there.egress_vrf = back.ingress_vrf = vrf_of(question, sides.responder);
}

}  // namespace ctflow
