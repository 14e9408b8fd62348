// SPDX-License-Identifier: GPL-2.0-or-later
// Interfaces, next hops, prefix lengths and VRFs of a connection, by the routes to both its ends.
#pragma once

#include <functional>

#include "ctflow/enricher.hpp"
#include "ctflow/metrics.hpp"
#include "enrich/constant_interfaces.hpp"
#include "enrich/routing_state.hpp"

namespace ctflow {

/// Packets come in through the interface of the route back to their source and go out through that
/// of the route to their destination, as it is behind address translation. Both directions follow
/// from the two routes: to the initiator and to the responder. What a patched kernel told goes
/// before that, and what no route tells is taken from the configuration.
class RoutedInterfaces : public Enricher {
 public:
  /// `state` gives the routing as it is now; `counters` must outlive this.
  RoutedInterfaces(std::function<const RoutingState&()> state, const InterfacesConfig& config,
                   InterfaceCounters& counters);

  void enrich(Flow& flow) override;

 private:
  /// One end of a connection, as seen from here.
  struct Side {
    RouteAnswer route;            ///< to this end
    std::uint32_t interface = 0;  ///< that leads there, 0 = unknown or this host
    bool told = false;            ///< by the kernel
  };
  struct Sides {
    Side initiator;
    Side responder;
  };

  /// Both routes with what is known of where packets came in.
  void look_up(const Flow& flow, const RoutingState& state, std::uint32_t vrf_table,
               Sides& sides) const;
  void look_up_again(const Flow& flow, const RoutingState& state, std::uint32_t vrf_table,
                     Sides& sides) const;
  /// The mark often names a line for one side only; see the definition.
  void look_up_initiator_unmarked(const Flow& flow, const RoutingState& state,
                                  std::uint32_t vrf_table, Sides& sides) const;
  /// The VRF whose routes fit better than those without one, if it is the only one; else 0.
  [[nodiscard]] std::uint32_t guess_vrf(const Flow& flow, const RoutingState& state,
                                        const Sides& without) const;
  [[nodiscard]] Sides find_sides(const Flow& flow, const RoutingState& state,
                                 const std::string* vrf) const;
  void fill(Flow& flow, const RoutingState& state, const Sides& sides,
            const Interfaces& configured);
  void count(const Side& side, std::uint32_t configured);

  std::function<const RoutingState&()> state_;
  ConstantInterfaces configured_;
  InterfaceCounters& counters_;
};

}  // namespace ctflow
