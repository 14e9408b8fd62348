// SPDX-License-Identifier: GPL-2.0-or-later
// Random filters, and random connections of which many are at the edge of a filter.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "ctflow/connection_match.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/network.hpp"
#include "support/event_builder.hpp"

namespace ctflow::test {

class RandomFilters {
 public:
  explicit RandomFilters(std::uint64_t seed) : random_(seed) {}

  FilterConfig filter() {
    FilterConfig filter;
    const std::uint64_t include = below(3);
    const std::uint64_t exclude = include == 0 ? 1 + below(2) : below(3);
    for (std::uint64_t i = 0; i < include; ++i) filter.include.push_back(match());
    for (std::uint64_t i = 0; i < exclude; ++i) filter.exclude.push_back(match());
    return filter;
  }

  /// A DESTROY event.
  Octets event() {
    const bool old = below(2) == 0;
    const std::uint8_t protocol = this->protocol();
    const Octets zone = below(4) == 0 ? attribute(CTA_TUPLE_ZONE, be16(7)) : Octets{};
    const auto tuple = [&](unsigned type) {
      const Octets addresses = old ? nest(CTA_TUPLE_IP, {attribute(CTA_IP_V4_SRC, octets(ipv4())),
                                                         attribute(CTA_IP_V4_DST, octets(ipv4()))})
                                   : ipv6(octets(ipv6_address(), 16), octets(ipv6_address(), 16));
      return nest(type, {addresses, ports(protocol, 1, 2), zone});
    };
    const Octets mark = below(3) == 0 ? Octets{} : attribute(CTA_MARK, be32(this->mark()));
    const Octets original = tuple(CTA_TUPLE_ORIG);
    return destroy({original, tuple(CTA_TUPLE_REPLY), attribute(CTA_STATUS, be32(0x18e)), mark,
                    attribute(CTA_ID, be32(1))},
                   old ? 2 : 10);
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::uint8_t protocol() {
    constexpr std::array<std::uint8_t, 6> kSome{1, 6, 17, 47, 58, 255};
    return kSome[below(kSome.size())];
  }
  std::uint32_t mark() { return static_cast<std::uint32_t>(below(4) | (below(2) << 31)); }

  /// Few bits vary. Some begin like the header of an attribute of netlink (5.0.1.0).
  IpAddress ipv4() {
    IpAddress address;
    address.octets = {10, 0, 0, 0};
    if (below(4) == 0) address.octets = {5, 0, 1, 0};
    if (below(8) == 0) address.octets = {0, 5, 0, 1};
    vary(address, 4);
    return address;
  }
  IpAddress ipv6_address() {
    IpAddress address;
    address.octets = {0x20, 0x01, 0x0d, 0xb8};
    vary(address, 16);
    return address;
  }
  void vary(IpAddress& address, std::size_t length) {
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t bit = below(length * 8);
      if (below(2) == 0) continue;
      std::uint8_t& octet = address.octets[bit / 8];
      octet = static_cast<std::uint8_t>(octet ^ 0x80U >> bit % 8);
    }
  }

  Network network() {
    const bool old = below(2) == 0;
    Network network;
    network.family = old ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    network.address = old ? ipv4() : ipv6_address();
    network.length = static_cast<std::uint8_t>(below((old ? 32 : 128) + 1));
    for (std::size_t bit = network.length; bit < 128; ++bit) {
      std::uint8_t& octet = network.address.octets[bit / 8];
      octet = static_cast<std::uint8_t>(octet & ~(0x80U >> bit % 8));
    }
    return network;
  }

  template <typename Make>
  auto list(Make make) {
    std::vector<decltype(make())> values;
    const bool many = below(12) == 0;
    for (std::uint64_t i = many ? 100 : 1 + below(3); i > 0; --i) values.push_back(make());
    return values;
  }

  /// Often with one list only.
  ConnectionMatch match() {
    ConnectionMatch match;
    const std::uint64_t lists = below(2) == 0 ? 1U << below(5) : 1 + below(31);
    if ((lists & 1) != 0) match.protocols = list([&] { return std::uint64_t{protocol()}; });
    if ((lists & 2) != 0) match.networks = list([&] { return network(); });
    if ((lists & 4) != 0) match.sources = list([&] { return network(); });
    if ((lists & 8) != 0) match.destinations = list([&] { return network(); });
    if ((lists & 16) != 0) {
      match.marks = list([&] {
        const std::uint32_t mask = below(2) == 0 ? 0xffff'ffff : 3;
        return MarkMatch{mark() & mask, mask};
      });
    }
    return match;
  }

  static Octets octets(const IpAddress& address, std::size_t length = 4) {
    return {address.octets.begin(), address.octets.begin() + static_cast<std::ptrdiff_t>(length)};
  }

  std::mt19937_64 random_;
};

}  // namespace ctflow::test
