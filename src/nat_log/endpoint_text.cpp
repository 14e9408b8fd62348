// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/endpoint_text.hpp"

#include <arpa/inet.h>

#include <array>

#include "text/endpoint_text.hpp"
#include "text/network_text.hpp"

namespace ctflow::nat {

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto parts = text::split_endpoint(text);
  if (!parts) return std::nullopt;
  const std::optional<Network> found = text::parse_address(parts->host);
  if (!found || (parts->in_brackets && found->family != AddressFamily::kIpv6)) return std::nullopt;
  return Endpoint{found->family, found->address, parts->port};
}

std::string address_text(const Endpoint& endpoint) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(endpoint.family == AddressFamily::kIpv4 ? AF_INET : AF_INET6,
            endpoint.address.octets.data(), text.data(), text.size());
  return text.data();
}

}  // namespace ctflow::nat
