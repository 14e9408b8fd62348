// SPDX-License-Identifier: GPL-2.0-or-later
// What a collector's configuration asks of any socket to it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>

#include "ctflow/config.hpp"

namespace ctflow {

/// setsockopt(2); leaves `error` alone when it succeeds.
template <typename Socket, typename Value>
void set_option(Socket& socket, int level, int name, const Value* value, std::size_t length,
                boost::system::error_code& error) {
  if (setsockopt(socket.native_handle(), level, name, value, static_cast<socklen_t>(length)) != 0) {
    error.assign(errno, boost::system::system_category());
  }
}

/// RFC 8200 section 5: every IPv6 path takes packets of this size.
inline constexpr int kIpv6MinimumMtu = 1280;

/// Octets of payload of the largest message to this collector. By default one that every IPv6 path
/// takes in one packet, behind the headers of IPv6 and UDP; a larger one than by default is asked
/// for where the path is known to take it.
inline std::size_t longest_datagram(const CollectorConfig& config, bool ipv6) {
  constexpr std::size_t kEveryIpv6Path = kIpv6MinimumMtu - 40 - 8;
  static const std::size_t by_default_size = CollectorConfig{}.max_message_size;
  const bool by_default = config.max_message_size <= by_default_size;
  return ipv6 && by_default ? std::min(config.max_message_size, kEveryIpv6Path)
                            : config.max_message_size;
}

/// Datagrams that are too large for the path are to be divided, not lost until the path is known.
/// IPv4 routers do that; for IPv6 it has to be done here, and so that every path takes the parts.
/// An IPv6 socket sends IPv4 to addresses such as ::ffff:192.0.2.1, with its options for IPv4.
template <typename Socket>
void forgo_path_mtu_discovery(Socket& socket, bool ipv6, boost::system::error_code& error) {
  const int discover4 = IP_PMTUDISC_DONT;
  set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, &discover4, sizeof discover4, error);
  if (!ipv6) return;
  const int discover = IPV6_PMTUDISC_DONT;
  set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover, error);
  set_option(socket, IPPROTO_IPV6, IPV6_MTU, &kIpv6MinimumMtu, sizeof kIpv6MinimumMtu, error);
}

/// Of an IPv6 socket also that for IPv4, as above.
template <typename Socket>
void set_dscp(Socket& socket, bool ipv6, std::uint8_t dscp, boost::system::error_code& error) {
  const int traffic_class = dscp << 2;  // RFC 2474: the upper six bits of the octet
  set_option(socket, IPPROTO_IP, IP_TOS, &traffic_class, sizeof traffic_class, error);
  if (!ipv6) return;
  set_option(socket, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class, error);
}

/// `dscp`, `bind_device` and `source_address`, up to the first that fails.
template <typename Socket>
void apply_settings(Socket& socket, bool ipv6, const CollectorConfig& config,
                    boost::system::error_code& error) {
  if (!error && config.dscp != 0) set_dscp(socket, ipv6, config.dscp, error);
  if (!error && !config.bind_device.empty()) {
    set_option(socket, SOL_SOCKET, SO_BINDTODEVICE, config.bind_device.c_str(),
               config.bind_device.size() + 1, error);
  }
  if (!error && !config.source_address.empty()) {
    const auto source = boost::asio::ip::make_address(config.source_address, error);
    if (!error) socket.bind(typename Socket::endpoint_type(source, 0), error);
  }
}

/// Whether `source_address` allows to send to this address at all.
inline bool fits_source(const boost::asio::ip::address& address, const CollectorConfig& config) {
  if (config.source_address.empty()) return true;
  boost::system::error_code ignored;
  const auto source = boost::asio::ip::make_address(config.source_address, ignored);
  return address.is_v4() == source.is_v4();
}

}  // namespace ctflow
