// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/network_text.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "text/append.hpp"
#include "text/number_text.hpp"

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

ParsedNetwork parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<Network> found = parse_address(text.substr(0, slash));
  if (!found || slash == std::string_view::npos) return {found};
  const std::string_view digits = text.substr(slash + 1);
  const auto length = parse_number<std::uint8_t>(digits, found->length);
  const bool is_padded = digits.size() > 1 && digits.front() == '0';
  if (!length || is_padded) {
    return {std::nullopt,
            fmt::format("the length of this prefix is a number from 0 to {}", found->length)};
  }
  found->length = *length;
  const IpAddress whole = std::exchange(found->address, masked(found->address, *length));
  if (whole == found->address) return {found};
  return {std::nullopt, "bits behind the prefix are set: write " + network_text(*found)};
}

std::string network_text(const Network& network) {
  std::string text;
  append_address(text, network.family, network.address);
  return fmt::format("{}/{}", text, network.length);
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
