// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/endpoint_text.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "text/network_text.hpp"

namespace ctflow::nat {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 8> kProtocols{{{"icmp", 1},
                                                                               {"tcp", 6},
                                                                               {"udp", 17},
                                                                               {"dccp", 33},
                                                                               {"gre", 47},
                                                                               {"icmpv6", 58},
                                                                               {"sctp", 132},
                                                                               {"udplite", 136}}};

std::optional<unsigned> parse_number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || last != end || value > most) return std::nullopt;
  return value;
}

std::optional<Endpoint> parse_address(std::string_view text) {
  const std::optional<Network> found = text::parse_address(text);
  if (!found) return std::nullopt;
  Endpoint result;
  result.family = found->family;
  result.address = found->address;
  return result;
}

std::optional<Endpoint> with_port(std::optional<Endpoint> endpoint, std::string_view port) {
  const auto number = parse_number(port, 65535);
  if (!endpoint || !number) return std::nullopt;
  endpoint->port = static_cast<std::uint16_t>(*number);
  return endpoint;
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    auto address = parse_address(text.substr(1, end - 1));
    if (!address || address->family != AddressFamily::kIpv6) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return address;
    if (rest.front() != ':') return std::nullopt;
    return with_port(address, rest.substr(1));
  }
  if (auto address = parse_address(text)) return address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return std::nullopt;
  return with_port(parse_address(text.substr(0, colon)), text.substr(colon + 1));
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  for (const auto& [name, number] : kProtocols) {
    if (text == name) return number;
  }
  const auto number = parse_number(text, 255);
  if (!number) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

std::string protocol_text(std::uint8_t protocol) {
  for (const auto& [name, number] : kProtocols) {
    if (number == protocol) return std::string(name);
  }
  return std::to_string(protocol);
}

std::string endpoint_text(const std::string& address, std::uint16_t port) {
  const bool ipv6 = address.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

std::string address_text(const Endpoint& endpoint) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(endpoint.family == AddressFamily::kIpv4 ? AF_INET : AF_INET6,
            endpoint.address.octets.data(), text.data(), text.size());
  return text.data();
}

}  // namespace ctflow::nat
