// SPDX-License-Identifier: GPL-2.0-or-later
// What a collector's configuration asks of any socket to it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

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

template <typename Socket>
void set_dscp(Socket& socket, bool ipv6, std::uint8_t dscp, boost::system::error_code& error) {
  const int traffic_class = dscp << 2;  // RFC 2474: the upper six bits of the octet
  if (ipv6) {
    set_option(socket, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class, error);
  } else {
    set_option(socket, IPPROTO_IP, IP_TOS, &traffic_class, sizeof traffic_class, error);
  }
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
