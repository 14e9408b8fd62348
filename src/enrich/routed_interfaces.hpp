// SPDX-License-Identifier: GPL-2.0-or-later
// Interfaces, next hops, prefix lengths and VRFs of a connection, by the routes to both its ends.
#pragma once

#include <functional>

#include "ctflow/clock.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/enricher.hpp"
#include "enrich/connection_sides.hpp"
#include "enrich/constant_interfaces.hpp"
#include "enrich/routing/routing_state.hpp"

namespace ctflow {

/// Packets come in through the interface of the route back to their source and go out through that
/// of the route to their destination, as it is behind address translation. Both directions follow
/// from the two routes: to the initiator and to the responder, as they were at the last packet. An
/// address of this host that one end sees confirms or corrects them. What a patched kernel says
/// goes before that, and what no route shows is taken from the configuration.
class RoutedInterfaces : public Enricher {
 public:
  /// `state` gives the routing as it is now; `counters` must outlive this. By the steady time of
  /// `clock` the state remembers its changes.
  RoutedInterfaces(std::function<const RoutingState&()> state, const InterfacesConfig& config,
                   InterfaceCounters& counters, Instant (*clock)() = system_now);

  void enrich(Flow& flow) override;

 private:
  [[nodiscard]] Question ask(const Flow& flow, const RoutingState& state) const;
  /// The same at a fraction of the cost for what most connections are: packets go by their
  /// destinations alone, through one interface at each side, and nothing was measured. False: it is
  /// not such a connection, and nothing was done.
  bool enrich_usual(Flow& flow, const RoutingState& state);
  void settle(const Question& question, Sides& sides);
  void fill(Flow& flow, const Question& question, const Sides& sides, const Interfaces& configured);
  void count(const Side& side, std::uint32_t configured);

  std::function<const RoutingState&()> state_;
  ConstantInterfaces configured_;
  InterfaceCounters& counters_;
  Instant (*clock_)();
};

}  // namespace ctflow
