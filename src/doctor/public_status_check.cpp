// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/public_status_check.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "config/status_endpoint.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

struct Range {
  std::uint32_t network;
  std::uint32_t mask;
};
constexpr std::array<Range, 6> kNotPublic{{{0x0a000000, 0xff000000},    // 10.0.0.0/8
                                           {0x64400000, 0xffc00000},    // 100.64.0.0/10
                                           {0x7f000000, 0xff000000},    // 127.0.0.0/8
                                           {0xa9fe0000, 0xffff0000},    // 169.254.0.0/16
                                           {0xac100000, 0xfff00000},    // 172.16.0.0/12
                                           {0xc0a80000, 0xffff0000}}};  // 192.168.0.0/16

bool is_public_v4(const address_v4& one) {
  const std::uint32_t value = one.to_uint();
  return value != 0 && std::none_of(kNotPublic.begin(), kNotPublic.end(), [&](const Range& range) {
           return (value & range.mask) == range.network;
         });
}

/// Outside of fc00::/7.
bool is_public_v6(const address_v6& one) {
  if (one.is_v4_mapped()) {
    return is_public_v4(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, one));
  }
  const bool unique_local = (one.to_bytes()[0] & 0xfeU) == 0xfcU;
  return !one.is_unspecified() && !one.is_loopback() && !one.is_link_local() && !unique_local;
}

}  // namespace

bool is_public(const address& one) {
  return one.is_v4() ? is_public_v4(one.to_v4()) : is_public_v6(one.to_v6());
}

std::vector<address> addresses_of_this_host() {
  std::vector<address> all;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return all;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, freeifaddrs);
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in found{};
      std::memcpy(&found, one->ifa_addr, sizeof found);
      all.emplace_back(address_v4(wire::network_order(found.sin_addr.s_addr)));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 found{};
      std::memcpy(&found, one->ifa_addr, sizeof found);
      address_v6::bytes_type octets{};
      std::memcpy(octets.data(), &found.sin6_addr, octets.size());
      all.emplace_back(address_v6(octets));
    }
  }
  return all;
}

Findings check_public_status(const StatusConfig& status, const std::vector<address>& own) {
  Findings found;
  if (status.listen.empty()) return found;
  const address listens = status_endpoint(status.listen).address();
  std::vector<address> reached{listens};
  if (listens.is_unspecified()) {
    reached.clear();
    // An IPv6 socket takes IPv4 as well (net.ipv6.bindv6only).
    std::copy_if(own.begin(), own.end(), std::back_inserter(reached),
                 [&](const address& one) { return listens.is_v6() || one.is_v4(); });
  }
  const auto open = std::find_if(reached.begin(), reached.end(), is_public);
  if (open == reached.end()) return found;
  found.wrong.push_back(
      {"status_listen_public",
       fmt::format("status.listen {} answers at the public address {}, to everyone, without a "
                   "password: collectors, interfaces and volumes are visible there",
                   status.listen, open->to_string()),
       "set status.listen to 127.0.0.1 or to an address of the management network"});
  return found;
}

}  // namespace ctflow
