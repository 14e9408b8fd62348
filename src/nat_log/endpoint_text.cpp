// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/endpoint_text.hpp"

#include "text/append.hpp"
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
  std::string text;
  text::append_address(text, endpoint.family, endpoint.address);
  return text;
}

}  // namespace ctflow::nat
