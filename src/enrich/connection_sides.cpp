// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/connection_sides.hpp"

#include <string_view>
#include <utility>

namespace ctflow {
namespace {

using Kind = RouteAnswer::Kind;

/// Packets are routed between the untranslated source and the translated destination: destinations
/// change before routing, sources behind it. So the initiator has its own address, and the
/// responder the one that answers, in both directions. `there` is the tuple of what the end that is
/// asked for sends, `here` that of the other.
RouteQuery query_towards(const Question& question, const Tuple& here, const Tuple& there) {
  RouteQuery query;
  query.family = there.family;
  query.protocol = there.protocol;
  query.mark = question.flow.mark;
  query.time = question.time;
  query.source = PrefixKey::of(here.family == there.family ? here.source : there.destination);
  query.destination = PrefixKey::of(there.source);
  query.source_port = here.source_port;
  query.destination_port = there.source_port;
  return query;
}

RouteQuery to_responder(const Question& question) {
  return query_towards(question, question.flow.original, question.flow.reply);
}

RouteQuery to_initiator(const Question& question) {
  RouteQuery query = query_towards(question, question.flow.reply, question.flow.original);
  query.returning = true;
  return query;
}

/// Says where the packets of a query came in.
void come_through(RouteQuery& query, const Question& question, const Side& from) {
  const RoutingState& state = question.state;
  query.vrf_table = question.vrf_table;
  if (!state.asks_for_ingress(query.family)) return;
  if (from.route.kind == Kind::kLocal) {
    query.ingress = state.loopback();
  } else if (const Link* link = state.link(from.interface, query.time)) {
    query.ingress = &link->name;
  }
  const std::uint32_t device = from.interface != 0 ? from.interface : from.route.interface;
  if (const Link* vrf = state.vrf_of(device, query.time)) {
    query.ingress_vrf = &vrf->name;
    query.vrf_table = vrf->vrf_table;
  }
}

/// How well a route fits: better than none even without a prefix.
int fitness(const RouteAnswer& route) { return route.kind == Kind::kNone ? -1 : route.length; }

bool is_vrf_at(const Question& question, const RoutingState::Vrf& vrf) {
  const Link* link = question.state.link(vrf.index, question.time);
  return link != nullptr && link->vrf_table == vrf.table && link->name == vrf.name;
}

std::uint32_t table_of(const Question& question, std::string_view name) {
  for (const RoutingState::Vrf& vrf : question.state.vrfs()) {
    if (name == vrf.name.data() && is_vrf_at(question, vrf)) return vrf.table;
  }
  return 0;
}

void look_up(const Question& question, Sides& sides) {
  const RouteQuery there = query_to_responder(question, sides.initiator);
  const RouteQuery back = query_to_initiator(question, sides.responder);
  for (const auto& [side, query] :
       {std::pair{&sides.responder, &there}, {&sides.initiator, &back}}) {
    side->route = question.state.route(*query);
    if (!side->measured)
      side->interface = side->route.kind == Kind::kLocal ? 0 : side->route.interface;
  }
}

void look_up_again(const Question& question, Sides& sides) {
  const RoutingState& state = question.state;
  if (!state.asks_for_ingress(question.flow.original.family) &&
      !state.asks_for_ingress(question.flow.reply.family)) {
    return;
  }
  // Where packets came in follows from the route back, which may depend on where those came in.
  constexpr int kRounds = 2;
  for (int i = 0; i < kRounds; ++i) {
    const auto before = std::pair(sides.initiator.interface, sides.responder.interface);
    look_up(question, sides);
    if (before == std::pair(sides.initiator.interface, sides.responder.interface)) return;
  }
}

// Of the first direction's packets the kernel routes by the mark, so the responder's side is as it
// says. A table for one line that has the way out only would then have packets come in where they
// go out; those of the other direction, which would show better, need not carry the mark.
void look_up_initiator_unmarked(const Question& question, Sides& sides) {
  Side& initiator = sides.initiator;
  if (question.flow.mark == 0 || initiator.measured || initiator.interface == 0 ||
      initiator.interface != sides.responder.interface) {
    return;
  }
  RouteQuery query = query_to_initiator(question, sides.responder);
  query.mark = 0;
  const RouteAnswer unmarked = question.state.route(query);
  if (!is_known(unmarked) || unmarked.interface == initiator.interface) return;
  initiator.route = unmarked;
  initiator.unmarked = true;
  initiator.interface = unmarked.kind == Kind::kLocal ? 0 : unmarked.interface;
}

/// The VRF whose routes fit better than those without one, if it is the only one; else 0.
std::uint32_t guess_vrf(const Question& question, const Sides& without) {
  RouteQuery back = to_initiator(question);
  RouteQuery there = to_responder(question);
  std::uint32_t found = 0;
  for (const RoutingState::Vrf& vrf : question.state.vrfs()) {
    if (!is_vrf_at(question, vrf)) continue;
    // How much nearer its route is than that without VRF; less than 0: not a better one.
    const auto gain = [&](RouteQuery& query, const RouteAnswer& outside) {
      query.vrf_table = vrf.table;
      query.ingress_vrf = &vrf.name;
      const RouteAnswer inside = question.state.route(query);
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

/// What a patched kernel says of both ends.
Sides measured_sides(const Flow& flow) {
  Sides measured;
  const DirectionExtras& original = flow.extras.original;
  const DirectionExtras& reply = flow.extras.reply;
  if (!original.has_interfaces && !reply.has_interfaces) return measured;
  // Each direction has both ends, but its egress only if no packet was dropped on the way.
  const auto either = [](std::uint32_t one, std::uint32_t other) { return one != 0 ? one : other; };
  measured.initiator.interface = either(original.interfaces.ingress, reply.interfaces.egress);
  measured.responder.interface = either(reply.interfaces.ingress, original.interfaces.egress);
  measured.initiator.measured = measured.responder.measured = true;
  return measured;
}

}  // namespace

RouteQuery query_to_responder(const Question& question, const Side& initiator) {
  RouteQuery query = to_responder(question);
  come_through(query, question, initiator);
  return query;
}

RouteQuery query_to_initiator(const Question& question, const Side& responder) {
  RouteQuery query = to_initiator(question);
  come_through(query, question, responder);
  return query;
}

Sides find_sides(Question& question, const std::string* vrf) {
  const Sides measured = measured_sides(question.flow);
  question.vrf_table = vrf == nullptr ? 0 : table_of(question, *vrf);
  Sides sides = measured;
  look_up(question, sides);
  if (!question.state.vrfs().empty() && question.vrf_table == 0 && !measured.initiator.measured) {
    question.vrf_table = guess_vrf(question, sides);
    if (question.vrf_table != 0) {
      sides = measured;
      look_up(question, sides);
    }
  }
  look_up_again(question, sides);
  look_up_initiator_unmarked(question, sides);
  return sides;
}

}  // namespace ctflow
