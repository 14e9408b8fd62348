// SPDX-License-Identifier: GPL-2.0-or-later
// The MAC addresses of both ends of a connection, where they are neighbours of this host.
#pragma once

#include <functional>
#include <utility>

#include "ctflow/enricher.hpp"
#include "enrich/neighbours/neighbours.hpp"

namespace ctflow {

struct Config;

/// Whether an output asks for MAC addresses of hosts, or for users, who may be named by them.
bool asks_mac_addresses(const Config& config);

/// The initiator is looked up by the address that it sends from, the responder by the one that its
/// answers come from: both are those of hosts, on either side of a translation. One that is known
/// to be reached through a gateway, or whose address is a neighbour's of other interfaces than
/// those of its packets, has none. Asks what earlier enrichers have found out about interfaces and
/// gateways.
class MacAddresses : public Enricher {
 public:
  /// `neighbours` gives the tables as they are now.
  explicit MacAddresses(std::function<const Neighbours&()> neighbours)
      : neighbours_(std::move(neighbours)) {}

  void enrich(Flow& flow) override;

 private:
  std::function<const Neighbours&()> neighbours_;
};

}  // namespace ctflow
