// SPDX-License-Identifier: GPL-2.0-or-later
// The two ends of a connection, and the routes to them.
#pragma once

#include <cstdint>
#include <string>

#include "ctflow/flow.hpp"
#include "enrich/routing/routing_state.hpp"

namespace ctflow {

/// One end of a connection, as seen from here.
struct Side {
  RouteAnswer route;            ///< to this end
  std::uint32_t interface = 0;  ///< that leads there, 0 = unknown or this host
  bool measured = false;        ///< by the kernel
  bool unmarked = false;        ///< the route is that of packets without the connection's mark
};

struct Sides {
  Side initiator;
  Side responder;
};

/// Whether the route says where the packets go, or that they stay here.
inline bool is_known(const RouteAnswer& route) {
  return route.kind == RouteAnswer::Kind::kLocal ||
         (route.kind != RouteAnswer::Kind::kNone && route.interface != 0);
}

/// What is asked about a connection, of which state of the routing, as of when.
struct Question {
  const Flow& flow;
  const RoutingState& state;
  RoutingTime time = kNow;      ///< kNow, or that of the last packet where something changed since
  RoutingTime end = kNow;       ///< time of the last packet
  RoutingTime start = kAlways;  ///< … and of the first
  std::uint32_t vrf_table = 0;
};

/// The routes to both ends with all that is known of where packets came in. `vrf` is the name of
/// the connection's VRF device if the configuration names it, else null. Sets question.vrf_table.
Sides find_sides(Question& question, const std::string* vrf);

/// The query for the packets to one end, which came in from the other.
RouteQuery query_to_responder(const Question& question, const Side& initiator);
RouteQuery query_to_initiator(const Question& question, const Side& responder);

}  // namespace ctflow
