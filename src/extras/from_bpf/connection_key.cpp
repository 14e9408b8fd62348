// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/connection_key.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "wire/byte_order.hpp"

namespace ctflow {

ctflow_nf_key connection_key(const Flow& flow) {
  const Tuple& tuple = flow.original;
  ctflow_nf_key key{};
  std::copy(tuple.source.octets.begin(), tuple.source.octets.end(), std::begin(key.source));
  std::copy(tuple.destination.octets.begin(), tuple.destination.octets.end(),
            std::begin(key.destination));
  if (tuple.protocol == IPPROTO_ICMP || tuple.protocol == IPPROTO_ICMPV6) {
    key.source_port = wire::network_order(tuple.icmp_id);
    const std::array<std::uint8_t, 2> type_and_code{tuple.icmp_type, tuple.icmp_code};
    std::memcpy(&key.destination_port, type_and_code.data(), sizeof key.destination_port);
  } else {
    key.source_port = wire::network_order(tuple.source_port);
    key.destination_port = wire::network_order(tuple.destination_port);
  }
  key.zone = tuple.zone;
  key.family = tuple.family == AddressFamily::kIpv6 ? AF_INET6 : AF_INET;
  key.protocol = tuple.protocol;
  return key;
}

}  // namespace ctflow
