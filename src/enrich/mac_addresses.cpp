// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/mac_addresses.hpp"

#include <algorithm>
#include <string>

#include "ctflow/config.hpp"

namespace ctflow {
namespace {

/// One end of a connection.
struct Host {
  AddressFamily family;
  const IpAddress& address;
  std::uint32_t comes_in;    ///< interface of its packets; 0 = unknown
  std::uint32_t goes_out;    ///< … and of those to it
  const IpAddress& gateway;  ///< towards it; zeros: none, or unknown
};

std::uint64_t mac_of(const Host& host, const Neighbours& neighbours, TimePoint at) {
  if (host.gateway != IpAddress{}) return 0;
  if (host.comes_in == 0 && host.goes_out == 0) {
    return neighbours.find(host.family, host.address, 0, at);
  }
  std::uint64_t mac = 0;
  if (host.comes_in != 0) mac = neighbours.find_at(host.family, host.address, host.comes_in, at);
  if (mac == 0 && host.goes_out != 0) {
    mac = neighbours.find_at(host.family, host.address, host.goes_out, at);
  }
  return mac;
}

}  // namespace

bool asks_mac_addresses(const Config& config) {
  const auto needs_mac = [](const std::string& name) {
    return name == "sourceMacAddress" || name == "destinationMacAddress" || name == "userName";
  };
  const auto collector_asks = [&](const CollectorConfig& collector) {
    return std::any_of(collector.elements.begin(), collector.elements.end(), needs_mac);
  };
  const auto log_asks = [](const ConnectionLogConfig& log) { return log.mac_addresses; };
  return std::any_of(config.collectors.begin(), config.collectors.end(), collector_asks) ||
         std::any_of(config.log_connections.begin(), config.log_connections.end(), log_asks);
}

void MacAddresses::enrich(Flow& flow) {
  const Neighbours& neighbours = neighbours_();
  const Host initiator{flow.original.family, flow.original.source, flow.original_interfaces.ingress,
                       flow.reply_interfaces.egress, flow.reply_routing.next_hop};
  const Host responder{flow.reply.family, flow.reply.source, flow.reply_interfaces.ingress,
                       flow.original_interfaces.egress, flow.original_routing.next_hop};
  flow.initiator_mac = mac_of(initiator, neighbours, flow.end);
  flow.responder_mac = mac_of(responder, neighbours, flow.end);
}

}  // namespace ctflow
