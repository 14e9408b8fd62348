// SPDX-License-Identifier: GPL-2.0-or-later
// Nested attributes in the layout in which today's kernels write them, read at their places instead
// of one by one. Every reader here is true only where the walk over the attributes would have read
// the same; else nothing is changed, and the walk has to decide.
#pragma once

#include <linux/netfilter/nfnetlink_conntrack.h>

#include <array>
#include <bit>

#include "netlink/attributes.hpp"

namespace ctflow::usual_layout {

inline constexpr std::size_t kHeader = sizeof(nlattr);

/// The four octets of struct nlattr that an attribute of this type begins with, as load_host()
/// reads them. `payload`: octets without header and padding.
constexpr std::uint32_t header(std::uint16_t type, std::uint16_t payload) {
  return std::bit_cast<std::uint32_t>(
      std::array{static_cast<std::uint16_t>(payload + kHeader), type});
}

/// … and that of a nest.
constexpr std::uint32_t nest_header(std::uint16_t type, std::uint16_t payload) {
  return header(static_cast<std::uint16_t>(type | NLA_F_NESTED), payload);
}

/// What is not as expected where an attribute should begin; 0: nothing.
inline std::uint32_t mismatch(Bytes bytes, std::size_t offset, std::uint32_t expected) {
  return load_host<std::uint32_t>(bytes, offset) ^ expected;
}

/// Where a tuple has what, by the octets of an address.
struct TuplePlaces {
  std::size_t address;  ///< octets

  static constexpr std::size_t kSourceHeader = 4;
  static constexpr std::size_t kSource = 8;
  [[nodiscard]] constexpr std::size_t destination_header() const { return kSource + address; }
  [[nodiscard]] constexpr std::size_t destination() const { return destination_header() + 4; }
  [[nodiscard]] constexpr std::size_t protocol_nest() const { return destination() + address; }
  [[nodiscard]] constexpr std::size_t protocol() const { return protocol_nest() + 8; }
  [[nodiscard]] constexpr std::size_t source_port() const { return protocol() + 8; }
  [[nodiscard]] constexpr std::size_t destination_port() const { return source_port() + 8; }
  [[nodiscard]] constexpr std::uint16_t length() const {
    return static_cast<std::uint16_t>(destination_port() + 4);
  }
};

/// CTA_TUPLE_IP with two addresses, then CTA_TUPLE_PROTO with protocol and ports.
template <std::size_t kAddress>
bool read_tuple_of(Bytes bytes, Tuple& tuple) {
  static_assert(kAddress == 4 || kAddress == 16);
  constexpr bool kIpv4 = kAddress == 4;
  constexpr TuplePlaces kAt{kAddress};
  constexpr std::uint16_t kPorts = 24;  // protocol and two ports, each with a header
  constexpr std::uint32_t kSource = header(kIpv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, kAddress);
  constexpr std::uint32_t kDestination = header(kIpv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, kAddress);
  const std::uint32_t different =
      mismatch(bytes, 0, nest_header(CTA_TUPLE_IP, 2 * kAddress + 8)) |
      mismatch(bytes, TuplePlaces::kSourceHeader, kSource) |
      mismatch(bytes, kAt.destination_header(), kDestination) |
      mismatch(bytes, kAt.protocol_nest(), nest_header(CTA_TUPLE_PROTO, kPorts)) |
      mismatch(bytes, kAt.protocol() - 4, header(CTA_PROTO_NUM, 1)) |
      mismatch(bytes, kAt.source_port() - 4, header(CTA_PROTO_SRC_PORT, 2)) |
      mismatch(bytes, kAt.destination_port() - 4, header(CTA_PROTO_DST_PORT, 2));
  if (different != 0) return false;
  tuple.source = tuple.destination = IpAddress{};
  std::memcpy(tuple.source.octets.data(), bytes.data() + TuplePlaces::kSource, kAddress);
  std::memcpy(tuple.destination.octets.data(), bytes.data() + kAt.destination(), kAddress);
  tuple.family = kIpv4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
  tuple.protocol = wire::load<std::uint8_t>(bytes, kAt.protocol());
  tuple.source_port = wire::load<std::uint16_t>(bytes, kAt.source_port());
  tuple.destination_port = wire::load<std::uint16_t>(bytes, kAt.destination_port());
  return true;
}

// Octets of the payloads.
inline constexpr std::uint16_t kTuple4 = TuplePlaces{4}.length();
inline constexpr std::uint16_t kTuple6 = TuplePlaces{16}.length();
inline constexpr std::uint16_t kPair = 24;
inline constexpr std::uint16_t kTcpState = 12;  // an end has nothing but the state since Linux 5.12

/// The payload of CTA_TUPLE_ORIG or _REPLY of a protocol with ports, without a zone of its own.
inline bool read_tuple(Bytes bytes, Tuple& tuple) {
  if (bytes.size() == kTuple4) return read_tuple_of<4>(bytes, tuple);
  return bytes.size() == kTuple6 && read_tuple_of<16>(bytes, tuple);
}

/// Two attributes of eight octets each in network order: what CTA_COUNTERS_ORIG, _REPLY and
/// CTA_TIMESTAMP have.
inline bool read_pair(Bytes bytes, std::uint16_t first_type, std::uint16_t second_type,
                      std::uint64_t& first, std::uint64_t& second) {
  constexpr std::size_t kFirst = 4;
  constexpr std::size_t kSecondHeader = 12;
  constexpr std::size_t kSecond = 16;
  if (bytes.size() != kPair) return false;
  if ((mismatch(bytes, 0, header(first_type, 8)) |
       mismatch(bytes, kSecondHeader, header(second_type, 8))) != 0) {
    return false;
  }
  first = wire::load<std::uint64_t>(bytes, kFirst);
  second = wire::load<std::uint64_t>(bytes, kSecond);
  return true;
}

/// The payload of CTA_PROTOINFO: CTA_PROTOINFO_TCP, which begins with the state. The rest of it is
/// for the walk only where it is not as usual.
inline bool read_tcp_state(Bytes bytes, std::uint8_t& state) {
  constexpr std::size_t kStateHeader = 4;
  constexpr std::size_t kState = 8;
  if (bytes.size() != kTcpState) return false;
  if ((mismatch(bytes, 0, nest_header(CTA_PROTOINFO_TCP, 8)) |
       mismatch(bytes, kStateHeader, header(CTA_PROTOINFO_TCP_STATE, 1))) != 0) {
    return false;
  }
  state = wire::load<std::uint8_t>(bytes, kState);
  return true;
}

}  // namespace ctflow::usual_layout
