// SPDX-License-Identifier: GPL-2.0-or-later
// What addresses say of the interfaces of a connection, beside the routes or against them.
#pragma once

#include "enrich/connection_sides.hpp"

namespace ctflow {

/// Multicast, broadcast and link-local addresses: they never follow a default route. The interface
/// is that of the address at this host's end, or of a route to the network of the other.
void heed_scopes(const Question& question, Sides& sides);

/// How settle() came to its end for one side.
enum class Settled : std::uint8_t {
  kAsRouted,
  kByAddress,     ///< a route was in doubt, but the address names the interface
  kDoubtful,      ///< unknown: what packets carried decides
  kForgotten,     ///< unknown: too much changed since
  kContradicted,  ///< unknown: the route and the address name different interfaces
};

/// Compares the route of one end with the address of this host that this end sees, which is a
/// translated source or that of a socket: an address that an interface has, or had when the packets
/// flowed, names the interface. Leaves an interface and the next hop beyond it, or neither.
Settled settle_initiator(const Question& question, Sides& sides);
Settled settle_responder(const Question& question, Sides& sides);

}  // namespace ctflow
