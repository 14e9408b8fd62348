// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/surroundings.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>

namespace ctflow::accounting {
namespace {

constexpr auto kInsideValue = static_cast<std::uint16_t>(Place::kInside);
constexpr auto kSelfValue = static_cast<std::uint16_t>(Place::kSelf);
constexpr std::uint8_t kBits4 = 32;
constexpr std::uint8_t kBits6 = 128;

struct FoundAddress {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
};

std::optional<FoundAddress> address_in(const sockaddr* from) {
  if (from == nullptr) return std::nullopt;
  FoundAddress found;
  if (from->sa_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, from, sizeof address);
    found.family = AddressFamily::kIpv4;
    std::memcpy(found.address.octets.data(), &address.sin_addr, sizeof address.sin_addr);
    return found;
  }
  if (from->sa_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, from, sizeof address);
    found.family = AddressFamily::kIpv6;
    std::memcpy(found.address.octets.data(), &address.sin6_addr, sizeof address.sin6_addr);
    return found;
  }
  return std::nullopt;
}

std::uint8_t length_of(const IpAddress& mask) {
  int bits = 0;
  for (const std::uint8_t octet : mask.octets) bits += std::popcount(octet);
  return static_cast<std::uint8_t>(bits);
}

/// Columns of a line of /proc/net, counted from 0.
std::vector<std::string> columns(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> found;
  for (std::string one; stream >> one;) found.push_back(one);
  return found;
}

/// Names of the interfaces that default routes go through, in the namespace of this thread.
std::set<std::string> default_interfaces() {
  std::set<std::string> names;
  std::ifstream ipv4("/proc/thread-self/net/route");
  for (std::string line; std::getline(ipv4, line);) {
    constexpr std::size_t kDestination = 1;
    constexpr std::size_t kMask = 7;
    const auto column = columns(line);
    if (column.size() <= kMask) continue;
    if (column[kDestination] == "00000000" && column[kMask] == "00000000") names.insert(column[0]);
  }
  std::ifstream ipv6("/proc/thread-self/net/ipv6_route");
  for (std::string line; std::getline(ipv6, line);) {
    constexpr std::size_t kLength = 1;
    constexpr std::size_t kInterface = 9;
    const auto column = columns(line);
    if (column.size() <= kInterface) continue;
    const bool any =
        column[kLength] == "00" && column[0].find_first_not_of('0') == std::string::npos;
    // The kernel has one through lo that refuses what has no other route.
    if (any && column[kInterface] != "lo") names.insert(column[kInterface]);
  }
  return names;
}

class InterfaceAddresses {
 public:
  InterfaceAddresses() {
    if (getifaddrs(&first_) != 0) {
      throw std::system_error(errno, std::generic_category(), "addresses of this host");
    }
  }
  ~InterfaceAddresses() { freeifaddrs(first_); }
  InterfaceAddresses(const InterfaceAddresses&) = delete;
  InterfaceAddresses& operator=(const InterfaceAddresses&) = delete;
  InterfaceAddresses(InterfaceAddresses&&) = delete;
  InterfaceAddresses& operator=(InterfaceAddresses&&) = delete;

  [[nodiscard]] const ifaddrs* first() const { return first_; }

 private:
  ifaddrs* first_ = nullptr;
};

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
    const InterfaceAddresses addresses;
    const std::set<std::string> outside =
        inside.empty() ? default_interfaces() : std::set<std::string>();
    for (const ifaddrs* one = addresses.first(); one != nullptr; one = one->ifa_next) {
      const auto address = address_in(one->ifa_addr);
      if (!address) continue;
      const auto mask = address_in(one->ifa_netmask);
      const bool automatic = inside.empty() && mask && (one->ifa_flags & IFF_LOOPBACK) == 0 &&
                             outside.count(one->ifa_name) == 0;
      if (automatic) {
        found->add_inside({address->family, address->address, length_of(mask->address)});
      }
      found->add_own(address->family, address->address);
    }
    return std::shared_ptr<const Surroundings>(std::move(found));
  };
}

}  // namespace ctflow::accounting
