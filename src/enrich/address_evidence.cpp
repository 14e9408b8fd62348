// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/address_evidence.hpp"

#include <algorithm>

#include "enrich/address_scope.hpp"

namespace ctflow {
namespace {

using Kind = RouteAnswer::Kind;

/// So much earlier than its estimate a connection's last packet may have been.
constexpr RoutingTime kSlack = 1'000'000'000;

/// So much later than it was made a change may be heard of. A connection that began and ended in
/// that time may have met either state.
constexpr RoutingTime kLate = 100'000'000;

/// One end, and the address of this host, or of the other end, that it sees.
struct Far {
  AddressFamily family;
  const IpAddress& address;
  const IpAddress& seen;
  bool translated;  ///< what it sees is not the other end's own address
};

Far far_responder(const Flow& flow) {
  return {
      flow.reply.family, flow.reply.source, flow.reply.destination,
      flow.original.family != flow.reply.family || flow.reply.destination != flow.original.source};
}

Far far_initiator(const Flow& flow) {
  return {
      flow.original.family, flow.original.source, flow.original.destination,
      flow.original.family != flow.reply.family || flow.original.destination != flow.reply.source};
}

RouteAnswer forward_through(std::uint32_t interface) {
  RouteAnswer answer;
  answer.kind = Kind::kForward;
  answer.interface = interface;
  return answer;
}

void take(Side& side, const RouteAnswer& route) {
  side.route = route;
  side.route.doubtful = side.route.undecided = side.route.forgotten = false;
  if (!side.measured) side.interface = route.interface;
}

/// A route of its own network, not a default route.
bool is_near(const RouteAnswer& route) {
  return route.kind == Kind::kForward && route.length > 0 && route.interface != 0 &&
         !route.doubtful;
}

/// For one end with a link-local address.
void heed_link_local(const Question& question, const Far& far, Side& side) {
  if (side.route.kind == Kind::kLocal || side.route.kind == Kind::kGroup) return;
  const InterfaceAddresses::Owner owner = question.state.owner(far.family, far.seen, question.time);
  const bool is_ours = owner.interface != 0 && owner.until == kNever;
  if (is_near(side.route) && side.route.gateway_family == AddressFamily::kNone &&
      (!is_ours || owner.interface == side.route.interface || far.family == AddressFamily::kIpv4)) {
    return;
  }
  take(side, is_ours ? forward_through(owner.interface) : RouteAnswer{});
}

/// For what this host sends to a group: the kernel sends it through the interface of its source, or
/// takes the source from the interface.
void heed_sent_to_group(const Question& question, Side& responder) {
  const Flow& flow = question.flow;
  const InterfaceAddresses::Owner owner =
      question.state.owner(flow.reply.family, flow.reply.destination, question.time);
  if (owner.interface != 0 && owner.interface != question.state.loopback_index()) {
    RouteAnswer answer = forward_through(owner.interface);
    answer.kind = Kind::kGroup;
    take(responder, answer);
    return;
  }
  // 224.0.0.0/4 and ff00::/8 at least, by one interface.
  const unsigned least = flow.reply.family == AddressFamily::kIpv4 ? 4 : 8;
  const bool by_route = responder.route.length >= least && responder.route.interface != 0;
  if (!by_route || responder.route.doubtful) take(responder, {});
}

/// For what came here from a group's sender: a sender of what is not forwarded is on the link.
void heed_received(const Question& question, Sides& sides) {
  const Flow& flow = question.flow;
  Side& initiator = sides.initiator;
  if (initiator.route.kind == Kind::kLocal) return;
  const bool is_directed = sides.responder.route.kind == Kind::kGroup;
  const bool is_link_only = is_link_group(flow.reply.family, flow.reply.source) || is_directed;
  const bool is_neighbour =
      is_near(initiator.route) && initiator.route.gateway_family == AddressFamily::kNone;
  if (!is_link_only || is_neighbour) return;
  // A broadcast address of a network of ours names its interface, however odd the sender.
  const std::uint32_t network = is_directed ? sides.responder.route.interface : 0;
  take(initiator, network != 0 ? forward_through(network) : RouteAnswer{});
}

bool usable(const Far& far) { return !is_unspecified(far.seen) && !is_group(far.family, far.seen); }

/// The route through the interface that has, or had, the address that this end sees.
RouteAnswer through(const Question& question, RouteQuery query,
                    const InterfaceAddresses::Owner& owner, RoutingTime time) {
  query.through = owner.interface;
  query.time = time;
  if (owner.until != kNever) query.time = std::min(query.time, owner.until - 1);
  return question.state.route(query);
}

/// The same route a little earlier, while the connection lived.
RouteAnswer earlier(const Question& question, RouteQuery query) {
  if (question.end == kNow) return {};
  query.time = std::max(question.end - kSlack, question.start);
  return question.state.route(query);
}

/// The same route a little later than a short connection, if that may have been of its time: a
/// change that was heard of then may have been made before it.
RouteAnswer later(const Question& question, RouteQuery query, const RouteAnswer& route) {
  if (question.time == kNow || question.start + kLate <= question.time) return route;
  const RoutingTime late = question.start + kLate;
  query.time = late < question.state.last_change() ? late : kNow;
  return question.state.route(query);
}

bool leads_to(const RouteAnswer& route, std::uint32_t interface) {
  return route.kind == Kind::kForward && route.interface == interface;
}

/// All that is known of the route to one end.
struct Evidence {
  const Far& far;
  const RouteQuery& query;
  RouteAnswer route;
  RouteAnswer later;  ///< the same as `route`, unless a change was near
  InterfaceAddresses::Owner owner;

  [[nodiscard]] bool is_doubtful() const {
    return route.doubtful || later.kind != route.kind || later.interface != route.interface;
  }
  [[nodiscard]] bool is_sure() const {
    return route.kind == Kind::kForward && route.interface != 0 && !is_doubtful() &&
           !route.forgotten;
  }
};

/// What follows from the address that the end sees; kAsRouted: nothing.
Settled settle_by_address(const Question& question, const Evidence& evidence, Side& side) {
  const RouteAnswer& route = evidence.route;
  const std::uint32_t interface = evidence.owner.interface;
  for (const RouteAnswer* answer : {&route, &evidence.later}) {
    if (!leads_to(*answer, interface)) continue;
    take(side, *answer);
    return evidence.is_sure() ? Settled::kAsRouted : Settled::kByAddress;
  }
  // Towards a neighbour of ours any address may be used: that of the uplink in NAT loops, one of an
  // inner interface. It names the way only if that is, or was at first, as near as the route.
  const auto is_believed = [&](const RouteAnswer& way) {
    return leads_to(way, interface) && (route.kind == Kind::kNone || way.length >= route.length ||
                                        (route.doubtful && !evidence.query.returning));
  };
  RouteAnswer way = through(question, evidence.query, evidence.owner, question.time);
  if (!is_believed(way) && question.start < question.state.last_change()) {
    way = through(question, evidence.query, evidence.owner, question.start);
  }
  const bool is_believable = is_believed(way);
  if (is_believable && !evidence.is_sure()) {
    take(side, way);
    return Settled::kByAddress;
  }
  if (!is_believable && route.kind != Kind::kNone) return Settled::kAsRouted;
  const RouteAnswer before = earlier(question, evidence.query);
  if (leads_to(before, interface)) {
    take(side, before);
    return Settled::kByAddress;
  }
  return is_believable ? Settled::kContradicted : Settled::kAsRouted;
}

Settled settle(const Question& question, const Far& far, const RouteQuery& query, Side& side) {
  const RouteAnswer& route = side.route;
  if (route.kind == Kind::kLocal || route.kind == Kind::kGroup) return Settled::kAsRouted;
  const bool is_scoped = is_link_local(far.family, far.address);
  const Evidence evidence{far, query, route, is_scoped ? route : later(question, query, route), {}};
  // A socket's own address says nothing against a route: it may be any. Nor does it decide between
  // equal ways because it was chosen before them.
  Settled settled = Settled::kAsRouted;
  if ((far.translated || evidence.is_doubtful()) && usable(far)) {
    Evidence owned = evidence;
    owned.owner = question.state.owner(far.family, far.seen, question.time);
    if (owned.owner.interface != 0) settled = settle_by_address(question, owned, side);
    if (settled == Settled::kByAddress) return settled;
  }
  if (settled == Settled::kAsRouted && evidence.is_sure()) return settled;
  if (settled == Settled::kAsRouted && evidence.is_doubtful()) settled = Settled::kDoubtful;
  if (settled == Settled::kAsRouted && route.forgotten) settled = Settled::kForgotten;
  if (settled != Settled::kAsRouted) take(side, {});
  return settled;
}

/// The usual case: nothing changed since, nothing is translated, and the route leaves no doubt.
bool needs_nothing(const Question& question, const Far& far, const Side& side) {
  const RouteAnswer& route = side.route;
  return !side.measured && question.time == kNow && !far.translated && !route.doubtful &&
         !route.forgotten;
}

/// The interface is the kernel's word: whatever else the route says must be true of it, too.
void settle_measured(const Question& question, RouteQuery query, Side& side) {
  const RouteAnswer& route = side.route;
  if (route.kind != Kind::kForward || side.interface == 0 || route.interface == side.interface) {
    return;
  }
  query.through = side.interface;
  const RouteAnswer way = question.state.route(query);
  if (way.kind == Kind::kForward && way.interface == side.interface) {
    side.route = way;
  } else {
    side.route.gateway = {};
    side.route.gateway_family = AddressFamily::kNone;
    side.route.interface = side.interface;
  }
  side.route.doubtful = side.route.forgotten = false;
}

}  // namespace

void heed_scopes(const Question& question, Sides& sides) {
  const Flow& flow = question.flow;
  const Far responder = far_responder(flow);
  const Far initiator = far_initiator(flow);
  if (is_link_local(initiator.family, initiator.address)) {
    heed_link_local(question, initiator, sides.initiator);
  }
  if (is_group(responder.family, responder.address)) {
    if (sides.initiator.route.kind == Kind::kLocal) {
      heed_sent_to_group(question, sides.responder);
      return;
    }
    // Without multicast routing such packets end here; the routes only say how to send them.
    sides.responder.route = {};
    sides.responder.route.kind = Kind::kLocal;
    if (!sides.responder.measured) sides.responder.interface = 0;
    heed_received(question, sides);
    return;
  }
  if (sides.responder.route.kind == Kind::kGroup) {
    heed_received(question, sides);
  } else if (is_link_local(responder.family, responder.address)) {
    heed_link_local(question, responder, sides.responder);
  }
}

Settled settle_initiator(const Question& question, Sides& sides) {
  const Far far = far_initiator(question.flow);
  if (needs_nothing(question, far, sides.initiator)) return Settled::kAsRouted;
  RouteQuery query = query_to_initiator(question, sides.responder);
  if (sides.initiator.unmarked) query.mark = 0;
  if (!sides.initiator.measured) return settle(question, far, query, sides.initiator);
  settle_measured(question, query, sides.initiator);
  return Settled::kAsRouted;
}

Settled settle_responder(const Question& question, Sides& sides) {
  const Far far = far_responder(question.flow);
  if (needs_nothing(question, far, sides.responder)) return Settled::kAsRouted;
  const RouteQuery query = query_to_responder(question, sides.initiator);
  if (!sides.responder.measured) return settle(question, far, query, sides.responder);
  settle_measured(question, query, sides.responder);
  return Settled::kAsRouted;
}

}  // namespace ctflow
