// SPDX-License-Identifier: GPL-2.0-or-later
// Nested attributes in the layout in which today's kernels write them, read at their places instead
// of one by one. Every reader here is true only where the walk over the attributes would have read
// the same; else nothing is changed, and the walk has to decide.
#pragma once

#include <linux/netfilter/nfnetlink_conntrack.h>

#include <array>
#include <bit>
#include <cstring>

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

/// An attribute with this header begins there, and is not cut off.
inline bool begins_with(Bytes bytes, std::uint32_t expected, std::size_t payload) {
  return bytes.size() >= kHeader + payload && mismatch(bytes, 0, expected) == 0;
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

struct PlacedHeader {
  std::size_t place;
  std::uint32_t expected;
};

/// The headers within CTA_TUPLE_IP with two addresses, then CTA_TUPLE_PROTO with protocol and
/// ports.
template <std::size_t kAddress>
constexpr std::array<PlacedHeader, 7> tuple_headers() {
  static_assert(kAddress == 4 || kAddress == 16);
  constexpr bool kIpv4 = kAddress == 4;
  constexpr TuplePlaces kAt{kAddress};
  constexpr std::uint16_t kPorts = 24;  // protocol and two ports, each with a header
  return {{{0, nest_header(CTA_TUPLE_IP, 2 * kAddress + 8)},
           {TuplePlaces::kSourceHeader, header(kIpv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, kAddress)},
           {kAt.destination_header(), header(kIpv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, kAddress)},
           {kAt.protocol_nest(), nest_header(CTA_TUPLE_PROTO, kPorts)},
           {kAt.protocol() - kHeader, header(CTA_PROTO_NUM, 1)},
           {kAt.source_port() - kHeader, header(CTA_PROTO_SRC_PORT, 2)},
           {kAt.destination_port() - kHeader, header(CTA_PROTO_DST_PORT, 2)}}};
}

/// What is not as in these; 0: nothing.
template <std::size_t kAddress>
std::uint32_t tuple_mismatch(Bytes bytes) {
  static constexpr auto kHeaders = tuple_headers<kAddress>();
  std::uint32_t different = 0;
  for (const auto& [place, expected] : kHeaders) different |= mismatch(bytes, place, expected);
  return different;
}

/// The address that stands there, and zeros behind it.
template <std::size_t kAddress>
IpAddress load_address(Bytes bytes, std::size_t offset) {
  std::array<std::uint32_t, 4> words{};
  std::memcpy(words.data(), bytes.data() + offset, kAddress);
  return std::bit_cast<IpAddress>(words);
}

/// Where there is no mismatch. What such a tuple does not have is unchanged.
template <std::size_t kAddress>
void load_tuple(Bytes bytes, Tuple& tuple) {
  constexpr bool kIpv4 = kAddress == 4;
  constexpr TuplePlaces kAt{kAddress};
  tuple.source = load_address<kAddress>(bytes, TuplePlaces::kSource);
  tuple.destination = load_address<kAddress>(bytes, kAt.destination());
  tuple.source_port = wire::load<std::uint16_t>(bytes, kAt.source_port());
  tuple.destination_port = wire::load<std::uint16_t>(bytes, kAt.destination_port());
  tuple.family = kIpv4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
  tuple.protocol = wire::load<std::uint8_t>(bytes, kAt.protocol());
}

template <std::size_t kAddress>
bool read_tuple_of(Bytes bytes, Tuple& tuple) {
  if (tuple_mismatch<kAddress>(bytes) != 0) return false;
  load_tuple<kAddress>(bytes, tuple);
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

/// Where two attributes of eight octets each have their values.
struct PairPlaces {
  static constexpr std::size_t kFirst = 4;
  static constexpr std::size_t kSecondHeader = 12;
  static constexpr std::size_t kSecond = 16;
};

/// What is not as in two attributes of eight octets each; 0: nothing.
inline std::uint32_t pair_mismatch(Bytes bytes, std::uint16_t first_type,
                                   std::uint16_t second_type) {
  return mismatch(bytes, 0, header(first_type, 8)) |
         mismatch(bytes, PairPlaces::kSecondHeader, header(second_type, 8));
}

/// Two attributes of eight octets each in network order: what CTA_COUNTERS_ORIG, _REPLY and
/// CTA_TIMESTAMP have.
inline bool read_pair(Bytes bytes, std::uint16_t first_type, std::uint16_t second_type,
                      std::uint64_t& first, std::uint64_t& second) {
  if (bytes.size() != kPair || pair_mismatch(bytes, first_type, second_type) != 0) return false;
  first = wire::load<std::uint64_t>(bytes, PairPlaces::kFirst);
  second = wire::load<std::uint64_t>(bytes, PairPlaces::kSecond);
  return true;
}

/// The payload of CTA_TIMESTAMP with both times. False: it is otherwise, the flow is unchanged.
inline bool read_timestamps(Bytes bytes, Flow& flow) {
  std::uint64_t start = 0;
  std::uint64_t stop = 0;
  TimePoint end;
  if (!read_pair(bytes, CTA_TIMESTAMP_START, CTA_TIMESTAMP_STOP, start, stop) ||
      !to_time(stop, end) || !to_time(start, flow.start)) {
    return false;
  }
  flow.end = end;
  flow.present.start = flow.present.stop = true;
  return true;
}

/// Where the end of an entry has what, by the octets of an address: both tuples, CTA_ID,
/// CTA_STATUS, both counters. `kEarly`: it was removed before it expired, so that the time that was
/// left stands in front of the counters. What the kernel adds without being asked stands behind.
template <std::size_t kAddress, bool kEarly>
struct EndPlaces {
  static constexpr std::uint16_t kTuple = TuplePlaces{kAddress}.length();
  static constexpr std::size_t kOriginal = kHeader;
  static constexpr std::size_t kReply = kOriginal + kTuple + kHeader;
  static constexpr std::size_t kId = kReply + kTuple + kHeader;
  static constexpr std::size_t kStatus = kId + sizeof(std::uint32_t) + kHeader;
  static constexpr std::size_t kTimeout = kStatus + sizeof(std::uint32_t) + kHeader;
  static constexpr std::size_t kOriginalCounters =
      kEarly ? kTimeout + sizeof(std::uint32_t) + kHeader : kTimeout;
  static constexpr std::size_t kReplyCounters = kOriginalCounters + kPair + kHeader;
  static constexpr std::size_t kEnd = kReplyCounters + kPair;
};

/// All headers of such an end, each at its place in words of 32 bits. Compared as a whole, because
/// the processor compares four words at once.
template <std::size_t kAddress, bool kEarly>
class EndHeaders {
 public:
  constexpr EndHeaders() {
    using At = EndPlaces<kAddress, kEarly>;
    put_tuple(At::kOriginal, CTA_TUPLE_ORIG);
    put_tuple(At::kReply, CTA_TUPLE_REPLY);
    put(At::kId - kHeader, header(CTA_ID, sizeof(Flow::id)));
    put(At::kStatus - kHeader, header(CTA_STATUS, sizeof(Flow::status)));
    if (kEarly) put(At::kTimeout - kHeader, header(CTA_TIMEOUT, sizeof(Flow::timeout)));
    put_counters(At::kOriginalCounters, CTA_COUNTERS_ORIG);
    put_counters(At::kReplyCounters, CTA_COUNTERS_REPLY);
  }

  /// Whether anything is otherwise in the first EndPlaces::kEnd octets.
  [[nodiscard]] bool differ(Bytes bytes) const {
    Block different{};
    for (std::size_t i = 0; i + kStep <= kWords; i += kStep) different |= mismatch_at(bytes, i);
    if (kWords % kStep != 0) different |= mismatch_at(bytes, kWords - kStep);
    return (different[0] | different[1]) != 0;
  }

 private:
  using Block [[gnu::vector_size(16)]] = std::uint64_t;

  static constexpr std::size_t kWord = sizeof(std::uint32_t);
  static constexpr std::size_t kStep = sizeof(Block) / kWord;
  static constexpr std::size_t kWords = EndPlaces<kAddress, kEarly>::kEnd / kWord;
  using Words = std::array<std::uint32_t, kWords>;

  /// What is not as expected in the block that begins with this word.
  [[nodiscard]] Block mismatch_at(Bytes bytes, std::size_t word) const {
    Block found{};
    Block expected{};
    Block compared{};
    std::memcpy(&found, bytes.data() + word * kWord, sizeof found);
    std::memcpy(&expected, &expected_[word], sizeof expected);
    std::memcpy(&compared, &compared_[word], sizeof compared);
    return (found ^ expected) & compared;
  }

  constexpr void put(std::size_t at, std::uint32_t expected) {
    expected_[at / kWord] = expected;
    compared_[at / kWord] = ~std::uint32_t{0};
  }
  constexpr void put_tuple(std::size_t at, std::uint16_t type) {
    put(at - kHeader, nest_header(type, EndPlaces<kAddress, kEarly>::kTuple));
    for (const auto& [place, expected] : tuple_headers<kAddress>()) put(at + place, expected);
  }
  constexpr void put_counters(std::size_t at, std::uint16_t type) {
    put(at - kHeader, nest_header(type, kPair));
    put(at, header(CTA_COUNTERS_PACKETS, sizeof(std::uint64_t)));
    put(at + PairPlaces::kSecondHeader, header(CTA_COUNTERS_BYTES, sizeof(std::uint64_t)));
  }

  alignas(16) Words expected_{};
  alignas(16) Words compared_{};  ///< all bits of the words that are headers
};

/// Whether these are the attributes at the beginning; `bytes` has so many octets.
template <std::size_t kAddress, bool kEarly>
bool is_end(Bytes bytes) {
  static constexpr EndHeaders<kAddress, kEarly> kHeaders;
  return !kHeaders.differ(bytes);
}

/// Reads them then: all of both tuples, counters, CTA_ID, CTA_STATUS, and CTA_TIMEOUT if it is
/// there.
template <std::size_t kAddress, bool kEarly>
[[gnu::always_inline]] inline void load_end(Bytes bytes, Flow& flow) {
  using At = EndPlaces<kAddress, kEarly>;
  const auto load_counters = [&](std::size_t at) {
    return Counters{wire::load<std::uint64_t>(bytes, at + PairPlaces::kFirst),
                    wire::load<std::uint64_t>(bytes, at + PairPlaces::kSecond)};
  };
  const auto load_whole_tuple = [&](std::size_t at, Tuple& tuple) {
    load_tuple<kAddress>(bytes.subspan(at), tuple);
    tuple.icmp_id = tuple.zone = 0;
    tuple.icmp_type = tuple.icmp_code = 0;
  };
  load_whole_tuple(At::kOriginal, flow.original);
  load_whole_tuple(At::kReply, flow.reply);
  flow.id = wire::load<std::uint32_t>(bytes, At::kId);
  flow.status = wire::load<std::uint32_t>(bytes, At::kStatus);
  if constexpr (kEarly) {
    flow.timeout = wire::load<std::uint32_t>(bytes, At::kTimeout);
    flow.present.timeout = true;
  }
  flow.original_counters = load_counters(At::kOriginalCounters);
  flow.reply_counters = load_counters(At::kReplyCounters);
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
