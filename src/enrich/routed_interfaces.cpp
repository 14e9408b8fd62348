// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routed_interfaces.hpp"

#include <string_view>
#include <utility>

namespace ctflow {
namespace {

using Kind = RouteAnswer::Kind;

/// Packets are routed between the untranslated source and the translated destination: destinations
/// change before routing, sources behind it. So the initiator has its own address, and the
/// responder the one that answers, in both directions.
RouteQuery to_responder(const Flow& flow) {
  RouteQuery query;
  query.family = flow.reply.family;
  query.protocol = flow.reply.protocol;
  query.mark = flow.mark;
  const bool same_family = flow.original.family == flow.reply.family;
  query.source = PrefixKey::of(same_family ? flow.original.source : flow.reply.destination);
  query.destination = PrefixKey::of(flow.reply.source);
  query.source_port = flow.original.source_port;
  query.destination_port = flow.reply.source_port;
  return query;
}

RouteQuery to_initiator(const Flow& flow) {
  RouteQuery query;
  query.family = flow.original.family;
  query.protocol = flow.original.protocol;
  query.mark = flow.mark;
  const bool same_family = flow.original.family == flow.reply.family;
  query.source = PrefixKey::of(same_family ? flow.reply.source : flow.original.destination);
  query.destination = PrefixKey::of(flow.original.source);
  query.source_port = flow.reply.source_port;
  query.destination_port = flow.original.source_port;
  return query;
}

/// Says where the packets of a query came in.
void come_through(RouteQuery& query, const RoutingState& state, const RouteAnswer& from,
                  std::uint32_t interface, std::uint32_t vrf_table) {
  query.vrf_table = vrf_table;
  if (from.kind == Kind::kLocal) {
    query.ingress = state.loopback();
  } else if (const Link* link = state.link(interface)) {
    query.ingress = &link->name;
  }
  const std::uint32_t device = interface != 0 ? interface : from.interface;
  if (const Link* vrf = state.vrf_of(device)) {
    query.ingress_vrf = &vrf->name;
    query.vrf_table = vrf->vrf_table;
  }
}

bool is_known(const RouteAnswer& route) {
  return route.kind == Kind::kLocal || (route.kind != Kind::kNone && route.interface != 0);
}

/// Whether the responder's address is a multicast or the limited broadcast address.
bool is_group(const Tuple& reply) {
  const auto& octets = reply.source.octets;
  if (reply.family == AddressFamily::kIpv6) return octets[0] == 0xff;
  const bool broadcast =
      octets[0] == 255 && octets[1] == 255 && octets[2] == 255 && octets[3] == 255;
  return octets[0] >> 4 == 14 || broadcast;
}

/// How well a route fits: better than none even without a prefix.
int fitness(const RouteAnswer& route) { return route.kind == Kind::kNone ? -1 : route.length; }

std::uint32_t table_of(const RoutingState& state, std::string_view name) {
  for (const RoutingState::Vrf& vrf : state.vrfs()) {
    if (name == vrf.name.data()) return vrf.table;
  }
  return 0;
}

std::uint32_t vrf_of(const RoutingState& state, std::uint32_t interface, const RouteAnswer& route) {
  const Link* vrf = state.vrf_of(interface != 0 ? interface : route.interface);
  return vrf == nullptr ? 0 : vrf->vrf_table;
}

}  // namespace

RoutedInterfaces::RoutedInterfaces(std::function<const RoutingState&()> state,
                                   const InterfacesConfig& config, InterfaceCounters& counters)
    : state_(std::move(state)), configured_(config), counters_(counters) {}

void RoutedInterfaces::look_up(const Flow& flow, const RoutingState& state, std::uint32_t vrf_table,
                               Sides& sides) const {
  RouteQuery there = to_responder(flow);
  RouteQuery back = to_initiator(flow);
  come_through(there, state, sides.initiator.route, sides.initiator.interface, vrf_table);
  come_through(back, state, sides.responder.route, sides.responder.interface, vrf_table);
  for (const auto& [side, query] :
       {std::pair{&sides.responder, &there}, {&sides.initiator, &back}}) {
    side->route = state.route(*query);
    if (!side->told) side->interface = side->route.kind == Kind::kLocal ? 0 : side->route.interface;
  }
}

void RoutedInterfaces::look_up_again(const Flow& flow, const RoutingState& state,
                                     std::uint32_t vrf_table, Sides& sides) const {
  const bool by_vrf = !state.vrfs().empty();
  const bool by_rule = state.rules_ask_for_ingress(flow.original.family) ||
                       state.rules_ask_for_ingress(flow.reply.family);
  if (!by_vrf && !by_rule) return;
  // Where packets came in follows from the route back, which may depend on where those came in.
  constexpr int kRounds = 2;
  for (int i = 0; i < kRounds; ++i) {
    const auto before = std::pair(sides.initiator.interface, sides.responder.interface);
    look_up(flow, state, vrf_table, sides);
    if (before == std::pair(sides.initiator.interface, sides.responder.interface)) return;
  }
}

// Of the first direction's packets the kernel routes by the mark, so the responder's side is as it
// says. A table for one line that knows the way out only would then have packets come in where they
// go out; those of the other direction, which would show better, need not carry the mark.
void RoutedInterfaces::look_up_initiator_unmarked(const Flow& flow, const RoutingState& state,
                                                  std::uint32_t vrf_table, Sides& sides) const {
  Side& initiator = sides.initiator;
  if (flow.mark == 0 || initiator.told || initiator.interface == 0 ||
      initiator.interface != sides.responder.interface) {
    return;
  }
  RouteQuery query = to_initiator(flow);
  query.mark = 0;
  come_through(query, state, sides.responder.route, sides.responder.interface, vrf_table);
  const RouteAnswer unmarked = state.route(query);
  if (!is_known(unmarked) || unmarked.interface == initiator.interface) return;
  initiator.route = unmarked;
  initiator.interface = unmarked.kind == Kind::kLocal ? 0 : unmarked.interface;
}

std::uint32_t RoutedInterfaces::guess_vrf(const Flow& flow, const RoutingState& state,
                                          const Sides& without) const {
  RouteQuery back = to_initiator(flow);
  RouteQuery there = to_responder(flow);
  std::uint32_t found = 0;
  for (const RoutingState::Vrf& vrf : state.vrfs()) {
    // How much nearer its route is than that without VRF; less than 0: not a better one.
    const auto gain = [&](RouteQuery& query, const RouteAnswer& outside) {
      query.vrf_table = vrf.table;
      query.ingress_vrf = &vrf.name;
      const RouteAnswer inside = state.route(query);
      if (inside.kind == Kind::kNone || inside.table != vrf.table) return -1;
      return fitness(inside) - fitness(outside);
    };
    const int initiator = gain(back, without.initiator.route);
    if (initiator < 0) continue;  // so most VRFs cost one look-up
    const int responder = gain(there, without.responder.route);
    if (responder < 0 || initiator + responder == 0) continue;
    if (found != 0) return 0;
    found = vrf.table;
  }
  return found;
}

RoutedInterfaces::Sides RoutedInterfaces::find_sides(const Flow& flow, const RoutingState& state,
                                                     const std::string* vrf) const {
  Sides told;
  const DirectionExtras& original = flow.extras.original;
  const DirectionExtras& reply = flow.extras.reply;
  if (original.has_interfaces || reply.has_interfaces) {
    // Each direction tells both ends, but its egress only if no packet was dropped on the way.
    const auto either = [](std::uint32_t one, std::uint32_t other) {
      return one != 0 ? one : other;
    };
    told.initiator.interface = either(original.interfaces.ingress, reply.interfaces.egress);
    told.responder.interface = either(reply.interfaces.ingress, original.interfaces.egress);
    told.initiator.told = told.responder.told = true;
  }
  std::uint32_t table = vrf == nullptr ? 0 : table_of(state, *vrf);
  Sides sides = told;
  look_up(flow, state, table, sides);
  if (!state.vrfs().empty() && table == 0 && !told.initiator.told) {
    table = guess_vrf(flow, state, sides);
    if (table != 0) {
      sides = told;
      look_up(flow, state, table, sides);
    }
  }
  look_up_again(flow, state, table, sides);
  look_up_initiator_unmarked(flow, state, table, sides);
  if (is_group(flow.reply) && sides.initiator.route.kind != Kind::kLocal) {
    // Without multicast routing such packets end here; the routes only tell how to send them.
    sides.responder.route.kind = Kind::kLocal;
    if (!sides.responder.told) sides.responder.interface = 0;
  }
  return sides;
}

void RoutedInterfaces::enrich(Flow& flow) {
  const RoutingState& state = state_();
  const ConstantInterfaces::Choice configured = configured_.choose(flow);
  Sides sides = find_sides(flow, state, configured.vrf);
  if (sides.initiator.route.undecided || sides.responder.route.undecided) ++counters_.undecided;
  fill(flow, state, sides, configured.interfaces);
}

void RoutedInterfaces::count(const Side& side, std::uint32_t configured) {
  if (side.told) {
    ++counters_.from_kernel;
  } else if (is_known(side.route)) {
    ++counters_.from_routes;
  } else if (configured != 0) {
    ++counters_.from_settings;
  } else {
    ++counters_.unknown;
  }
}

void RoutedInterfaces::fill(Flow& flow, const RoutingState& state, const Sides& sides,
                            const Interfaces& configured) {
  const RouteAnswer& initiator = sides.initiator.route;
  const RouteAnswer& responder = sides.responder.route;
  count(sides.initiator, configured.ingress);
  count(sides.responder, configured.egress);
  const auto interface_of = [](const Side& side, std::uint32_t otherwise) {
    return side.told || is_known(side.route) ? side.interface : otherwise;
  };
  Interfaces forward{interface_of(sides.initiator, configured.ingress),
                     interface_of(sides.responder, configured.egress)};
  Interfaces backward{forward.egress, forward.ingress};
  if (responder.kind == Kind::kGroup && initiator.kind != Kind::kLocal) forward.egress = 0;
  if (initiator.kind == Kind::kLocal && responder.kind == Kind::kLocal) {
    // As the kernel has it: packets to oneself go out through the loopback interface.
    forward.egress = backward.egress = state.loopback_index();
  }
  if (!flow.extras.original.has_interfaces) flow.forward_interfaces = forward;
  if (!flow.extras.reply.has_interfaces) flow.backward_interfaces = backward;

  const auto next_hop = [](const RouteAnswer& route, const Tuple& tuple) {
    return route.gateway_family == tuple.family ? route.gateway : IpAddress{};
  };
  Routing& there = flow.forward_routing;
  Routing& back = flow.backward_routing;
  there = back = {};
  there.next_hop = next_hop(responder, flow.original);
  back.next_hop = next_hop(initiator, flow.original);
  there.ingress_vrf = back.egress_vrf = vrf_of(state, sides.initiator.interface, initiator);
  there.egress_vrf = back.ingress_vrf = vrf_of(state, sides.responder.interface, responder);
  there.source_prefix_length = back.destination_prefix_length = initiator.length;
  there.destination_prefix_length = back.source_prefix_length = responder.length;
}

}  // namespace ctflow
