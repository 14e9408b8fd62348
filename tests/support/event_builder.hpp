// SPDX-License-Identifier: GPL-2.0-or-later
// Builds ctnetlink messages for tests, octet by octet as the kernel writes them.
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "netlink/attributes.hpp"
#include "nf_conntrack_flow.h"

namespace ctflow::test {

using Octets = std::vector<std::uint8_t>;

inline Bytes bytes_of(const Octets& octets) { return std::as_bytes(std::span(octets)); }

inline void append(Octets& to, const Octets& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Network-order integers.
inline Octets be8(std::uint8_t value) { return {value}; }
inline Octets be16(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Octets be32(std::uint32_t value) {
  Octets octets = be16(static_cast<std::uint16_t>(value >> 16));
  append(octets, be16(static_cast<std::uint16_t>(value)));
  return octets;
}
inline Octets be64(std::uint64_t value) {
  Octets octets = be32(static_cast<std::uint32_t>(value >> 32));
  append(octets, be32(static_cast<std::uint32_t>(value)));
  return octets;
}

/// Host-order integer, as in netlink headers.
template <typename T>
Octets host(T value) {
  Octets octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

/// One attribute with its padding.
inline Octets attribute(unsigned type, const Octets& payload) {
  Octets octets = host(static_cast<std::uint16_t>(payload.size() + sizeof(nlattr)));
  append(octets, host(static_cast<std::uint16_t>(type)));
  append(octets, payload);
  while (octets.size() % NLA_ALIGNTO != 0) octets.push_back(0);
  return octets;
}

/// A nested attribute.
inline Octets nest(unsigned type, std::initializer_list<Octets> children) {
  Octets payload;
  for (const Octets& child : children) append(payload, child);
  return attribute(type | NLA_F_NESTED, payload);
}

/// A whole netlink message of the conntrack subsystem.
inline Octets message(unsigned type, std::initializer_list<Octets> attributes, unsigned family = 2,
                      std::uint32_t port_id = 0) {
  Octets body = {static_cast<std::uint8_t>(family), NFNETLINK_V0, 0, 0};
  for (const Octets& octets : attributes) append(body, octets);
  Octets all = host(static_cast<std::uint32_t>(body.size() + sizeof(nlmsghdr)));
  append(all, host(static_cast<std::uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | type)));
  append(all, host(std::uint16_t{0}));  // flags
  append(all, host(std::uint32_t{0}));  // sequence
  append(all, host(port_id));
  append(all, body);
  return all;
}

inline Octets destroy(std::initializer_list<Octets> attributes, unsigned family = 2,
                      std::uint32_t port_id = 0) {
  return message(IPCTNL_MSG_CT_DELETE, attributes, family, port_id);
}

inline Octets ipv4(std::uint32_t source, std::uint32_t destination) {
  return nest(CTA_TUPLE_IP, {attribute(CTA_IP_V4_SRC, be32(source)),
                             attribute(CTA_IP_V4_DST, be32(destination))});
}

inline Octets ipv6(const Octets& source, const Octets& destination) {
  return nest(CTA_TUPLE_IP,
              {attribute(CTA_IP_V6_SRC, source), attribute(CTA_IP_V6_DST, destination)});
}

inline Octets ports(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  return nest(CTA_TUPLE_PROTO,
              {attribute(CTA_PROTO_NUM, be8(protocol)), attribute(CTA_PROTO_SRC_PORT, be16(source)),
               attribute(CTA_PROTO_DST_PORT, be16(destination))});
}

inline Octets counters(unsigned type, std::uint64_t packets, std::uint64_t octets) {
  return nest(type, {attribute(CTA_COUNTERS_PACKETS, be64(packets)),
                     attribute(CTA_COUNTERS_BYTES, be64(octets))});
}

inline Octets timestamps(std::uint64_t start, std::uint64_t stop) {
  return nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_START, be64(start)),
                              attribute(CTA_TIMESTAMP_STOP, be64(stop))});
}

inline Octets tcp_state(std::uint8_t state) {
  return nest(CTA_PROTOINFO,
              {nest(CTA_PROTOINFO_TCP, {attribute(CTA_PROTOINFO_TCP_STATE, be8(state))})});
}

constexpr std::uint32_t kClient = 0x0a000102;  // 10.0.1.2
constexpr std::uint32_t kServer = 0x0a000202;  // 10.0.2.2
constexpr std::uint32_t kRouter = 0xc6336401;  // 198.51.100.1
constexpr std::uint64_t kStart = 1'700'000'000'000'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;

/// What the kernel writes for a translated TCP connection that was closed and then timed out.
inline Octets nat_tcp_event(std::uint16_t client_port = 40000) {
  return destroy({nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(6, client_port, 443)}),
                  nest(CTA_TUPLE_REPLY, {ipv4(kServer, kRouter), ports(6, 443, client_port)}),
                  attribute(CTA_ID, be32(0xdeadbeef)), attribute(CTA_STATUS, be32(0x39e)),
                  counters(CTA_COUNTERS_ORIG, 10, 1500), counters(CTA_COUNTERS_REPLY, 12, 15000),
                  timestamps(kStart, kStart + 125 * kSecond), tcp_state(7),
                  attribute(CTA_MARK, be32(42))});
}

/// The first `length` octets, whatever nlmsg_len says.
inline Octets cut(const Octets& message, std::size_t length) {
  return {message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length)};
}

/// Writes a host-order field over a message.
template <typename T>
Octets with_field(Octets message, std::size_t offset, T value) {
  const Octets octets = host(value);
  std::copy(octets.begin(), octets.end(), message.begin() + static_cast<std::ptrdiff_t>(offset));
  return message;
}

/// The same message with another nlmsg_len, or nlmsg_type.
inline Octets with_length(const Octets& message, std::uint32_t length) {
  return with_field(message, offsetof(nlmsghdr, nlmsg_len), length);
}
inline Octets with_type(const Octets& message, std::uint16_t type) {
  return with_field(message, offsetof(nlmsghdr, nlmsg_type), type);
}

/// An attribute that says another length than it has (struct nlattr, nla_len).
inline Octets lying_attribute(unsigned type, std::uint16_t length, const Octets& payload = {}) {
  return with_field(attribute(type, payload), 0, length);
}

/// A patched kernel's message about one living (IPCTNL_MSG_CT_NEW) or ended UDP connection, with
/// these totals and the last packet `age` nanoseconds after kStart.
inline Octets measured_event(unsigned type, std::uint64_t packets, std::uint64_t octets,
                             std::uint64_t age) {
  return message(
      type,
      {nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(17, 5000, 53)}),
       nest(CTA_TUPLE_REPLY, {ipv4(kServer, kClient), ports(17, 53, 5000)}),
       attribute(CTA_ID, be32(7)), counters(CTA_COUNTERS_ORIG, 1, 1),
       counters(CTA_COUNTERS_REPLY, 0, 0),
       nest(CTA_FLOW, {attribute(CTA_FLOW_VERSION, be8(CTA_FLOW_VERSION_1)),
                       nest(CTA_FLOW_ORIG, {attribute(CTA_FLOW_DIR_FIRST, be64(kStart)),
                                            attribute(CTA_FLOW_DIR_LAST, be64(kStart + age)),
                                            attribute(CTA_FLOW_DIR_WIRE_PACKETS, be64(packets)),
                                            attribute(CTA_FLOW_DIR_WIRE_OCTETS, be64(octets))})})});
}

/// A UDP connection without a kernel patch, in either direction as many packets as said.
struct StockConnection {
  std::uint16_t port = 1000;
  std::uint32_t id = 1;
  std::uint32_t status = 0x18e;  // assured, answered, confirmed
  std::uint64_t original_packets = 0;
  std::uint64_t reply_packets = 0;
  std::uint64_t start = kStart;  ///< nanoseconds, 0: the kernel keeps no timestamps
  std::uint32_t timeout = 120;   ///< seconds left; of living connections only
  std::uint32_t mark = 0;
};

inline constexpr std::uint64_t kStockOctets = 100;  ///< per packet

inline Octets stock_message(unsigned type, const StockConnection& connection, const Octets& more) {
  Octets times;
  if (connection.start != 0) {
    times = nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_START, be64(connection.start)), more});
  }
  return message(
      type,
      {nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(17, connection.port, 53)}),
       nest(CTA_TUPLE_REPLY, {ipv4(kServer, kClient), ports(17, 53, connection.port)}),
       attribute(CTA_ID, be32(connection.id)), attribute(CTA_STATUS, be32(connection.status)),
       counters(CTA_COUNTERS_ORIG, connection.original_packets,
                connection.original_packets * kStockOctets),
       counters(CTA_COUNTERS_REPLY, connection.reply_packets,
                connection.reply_packets * kStockOctets),
       times, connection.mark != 0 ? attribute(CTA_MARK, be32(connection.mark)) : Octets{},
       type == IPCTNL_MSG_CT_NEW ? attribute(CTA_TIMEOUT, be32(connection.timeout)) : Octets{}});
}

/// As a dump of the table shows it.
inline Octets table_entry(const StockConnection& connection) {
  return with_field(stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                    offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_MULTI});
}

/// As its end is told; `stop`: nanoseconds.
inline Octets stock_end(const StockConnection& connection, std::uint64_t stop) {
  return stock_message(IPCTNL_MSG_CT_DELETE, connection, attribute(CTA_TIMESTAMP_STOP, be64(stop)));
}

}  // namespace ctflow::test
