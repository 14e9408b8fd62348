// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/connection_condition.hpp"

namespace ctflow {

bool allows(const std::vector<AddressPrefix>& networks, const Tuple& tuple,
            const IpAddress& address) {
  return networks.empty() ||
         std::any_of(networks.begin(), networks.end(), [&](const AddressPrefix& network) {
           return network.contains(tuple, address);
         });
}

bool allows_either(const std::vector<AddressPrefix>& networks, const Tuple& tuple) {
  return allows(networks, tuple, tuple.source) || allows(networks, tuple, tuple.destination);
}

ConnectionCondition::ConnectionCondition(const ConnectionMatch& match)
    : networks_(match.networks.begin(), match.networks.end()),
      sources_(match.sources.begin(), match.sources.end()),
      destinations_(match.destinations.begin(), match.destinations.end()),
      marks_(match.marks) {
  for (const std::uint64_t protocol : match.protocols) {
    protocols_.at(static_cast<std::size_t>(protocol)) = true;
  }
  if (match.protocols.empty()) protocols_.fill(true);
}

bool ConnectionCondition::matches(const Flow& flow) const {
  const Tuple& tuple = flow.original;
  return protocols_[tuple.protocol] && allows(sources_, tuple, tuple.source) &&
         allows(destinations_, tuple, tuple.destination) && allows_either(networks_, tuple) &&
         (marks_.empty() || std::any_of(marks_.begin(), marks_.end(), [&](const MarkMatch& mark) {
            return (flow.mark & mark.mask) == mark.mark;
          }));
}

}  // namespace ctflow
