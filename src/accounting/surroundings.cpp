// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/surroundings.hpp"

#include <cstdint>

#include "enrich/routing/host_networks.hpp"

namespace ctflow::accounting {
namespace {

constexpr auto kInsideValue = static_cast<std::uint16_t>(Place::kInside);
constexpr auto kSelfValue = static_cast<std::uint16_t>(Place::kSelf);
constexpr std::uint8_t kBits4 = 32;
constexpr std::uint8_t kBits6 = 128;

}  // namespace

Surroundings::Surroundings() {
  constexpr std::uint8_t kMulticast = 224;
  constexpr std::uint8_t kLoopback = 127;
  places_.add({AddressFamily::kIpv4, IpAddress{{kLoopback}}, 8}, kSelfValue);
  constexpr std::uint8_t kAllOnes = 255;
  add_inside({AddressFamily::kIpv4, IpAddress{{kMulticast}}, 4});
  add_inside({AddressFamily::kIpv4, IpAddress{{kAllOnes, kAllOnes, kAllOnes, kAllOnes}}, kBits4});
  add_inside({AddressFamily::kIpv6, IpAddress{{kAllOnes}}, 8});
}

void Surroundings::add_inside(const Network& network) { places_.add(network, kInsideValue); }

void Surroundings::add_inside(const std::vector<Network>& networks) {
  std::vector<std::pair<Network, std::uint16_t>> places;
  places.reserve(networks.size());
  for (const Network& network : networks) places.emplace_back(network, kInsideValue);
  places_.add(std::move(places));
}

void Surroundings::add_own(AddressFamily family, const IpAddress& address) {
  places_.add({family, address, family == AddressFamily::kIpv4 ? kBits4 : kBits6}, kSelfValue);
}

Place Surroundings::place_of(AddressFamily family, const IpAddress& address) const {
  return static_cast<Place>(places_.find(family, address));
}

ReadSurroundings surroundings_of(const NetworkNamespace& home, const std::vector<Network>& inside) {
  return [home, inside] {
    auto found = std::make_shared<Surroundings>();
    found->add_inside(inside);
    const auto visit = home.visit();
    const bool automatic = inside.empty();
    const HostNetworks host = automatic ? read_host_networks() : read_host_addresses();
    for (const InterfaceAddress& own : host.addresses()) {
      if (automatic && !host.is_loopback(own.interface) && !host.has_default_route(own.interface)) {
        found->add_inside({own.family, own.address, own.length});
      }
      found->add_own(own.family, own.address);
    }
    return std::shared_ptr<const Surroundings>(std::move(found));
  };
}

}  // namespace ctflow::accounting
