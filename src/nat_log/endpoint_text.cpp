// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/endpoint_text.hpp"

#include <algorithm>
#include <cstdint>

#include "text/append.hpp"
#include "text/endpoint_text.hpp"
#include "text/network_text.hpp"

namespace ctflow::nat {
namespace {

/// As conntrack has it: what a server that takes both families logs as ::ffff:192.0.2.1 is IPv4.
void unmap(Endpoint& endpoint) {
  if (endpoint.family != AddressFamily::kIpv6 || !is_ipv4_mapped(endpoint.address)) return;
  auto& octets = endpoint.address.octets;
  std::copy(octets.end() - 4, octets.end(), octets.begin());
  std::fill(octets.begin() + 4, octets.end(), std::uint8_t{0});
  endpoint.family = AddressFamily::kIpv4;
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto parts = text::split_endpoint(text);
  if (!parts) return std::nullopt;
  const std::optional<Network> found = text::parse_address(parts->host);
  if (!found || (parts->in_brackets && found->family != AddressFamily::kIpv6)) return std::nullopt;
  Endpoint endpoint{found->family, found->address, parts->port};
  unmap(endpoint);
  return endpoint;
}

std::string address_text(const Endpoint& endpoint) {
  std::string text;
  text::append_address(text, endpoint.family, endpoint.address);
  return text;
}

}  // namespace ctflow::nat
