// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/network_text.hpp"

#include <arpa/inet.h>

#include <cstdint>
#include <string>

namespace ctflow::text {

std::optional<Network> parse_address(std::string_view text) {
  if (text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return {};
  const std::string terminated(text);
  Network network;
  if (inet_pton(AF_INET, terminated.c_str(), network.address.octets.data()) == 1) {
    network.family = AddressFamily::kIpv4;
  } else if (inet_pton(AF_INET6, terminated.c_str(), network.address.octets.data()) == 1) {
    network.family = AddressFamily::kIpv6;
  } else {
    return {};
  }
  network.length = network.family == AddressFamily::kIpv4 ? 32 : 128;
  return network;
}

IpAddress masked(const IpAddress& address, std::size_t length) {
  IpAddress result;
  for (std::size_t i = 0; i < result.octets.size() && i * 8 < length; ++i) {
    const std::size_t rest = length - i * 8;
    const unsigned mask = rest >= 8 ? 0xffU : 0xffU << (8 - rest);
    result.octets[i] = static_cast<std::uint8_t>(address.octets[i] & mask);
  }
  return result;
}

}  // namespace ctflow::text
