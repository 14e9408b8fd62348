// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/community_id.hpp"

#include <algorithm>
#include <boost/uuid/detail/sha1.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

constexpr std::size_t kDigestLength = 20;
using Digest = std::array<std::uint8_t, kDigestLength>;

struct TypePair {
  std::uint8_t one;
  std::uint8_t other;
};
// Of request and answer, by the specification.
constexpr std::array<TypePair, 5> kIcmpPairs{{{0, 8}, {9, 10}, {13, 14}, {15, 16}, {17, 18}}};
constexpr std::array<TypePair, 6> kIcmpv6Pairs{
    {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}}};

template <std::size_t kPairs>
std::optional<std::uint8_t> counterpart(const std::array<TypePair, kPairs>& pairs,
                                        std::uint8_t type) {
  for (const TypePair& pair : pairs) {
    if (pair.one == type) return pair.other;
    if (pair.other == type) return pair.one;
  }
  return std::nullopt;
}

/// What stands for the ports of a tuple.
struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  bool present = true;
  bool one_way = false;  ///< the tuple is not to be brought in order
};

Ports ports_of(const Tuple& tuple) {
  switch (tuple.protocol) {
    case kTcp:
    case kUdp:
    case kSctp:
      return {tuple.source_port, tuple.destination_port};
    case kIcmp:
    case kIcmpv6: {
      const auto answer = tuple.protocol == kIcmp ? counterpart(kIcmpPairs, tuple.icmp_type)
                                                  : counterpart(kIcmpv6Pairs, tuple.icmp_type);
      return {tuple.icmp_type, answer.value_or(tuple.icmp_code), true, !answer};
    }
    default:
      return {0, 0, false};
  }
}

/// Boost before 1.86 has the digest as five integers of the host, later as octets.
template <typename Words>
Digest octets_of(const Words& words) {
  Digest digest{};
  if constexpr (sizeof(words[0]) == 1) {
    std::memcpy(digest.data(), &words[0], digest.size());
  } else {
    for (std::size_t i = 0; i < digest.size() / 4; ++i) {
      std::array<std::byte, 4> word{};
      wire::store(word.data(), static_cast<std::uint32_t>(words[i]));
      std::memcpy(digest.data() + 4 * i, word.data(), word.size());
    }
  }
  return digest;
}

Digest sha1(const std::byte* data, std::size_t length) {
  boost::uuids::detail::sha1 hash;
  hash.process_bytes(data, length);
  boost::uuids::detail::sha1::digest_type words;
  hash.get_digest(words);
  return octets_of(words);
}

void append_base64(const Digest& digest, char* to) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < digest.size(); i += 3) {
    const auto octet = [&](std::size_t at) -> unsigned {
      return at < digest.size() ? digest[at] : 0U;
    };
    const unsigned group = octet(i) << 16U | octet(i + 1) << 8U | octet(i + 2);
    for (unsigned shift = 24; shift > 0;) {
      shift -= 6;
      *to++ = kAlphabet[group >> shift & 63U];
    }
  }
  *(to - 1) = '=';  // 20 octets are six groups and two thirds
}

}  // namespace

CommunityId::CommunityId(const Tuple& tuple) {
  const std::size_t length = tuple.family == AddressFamily::kIpv4 ? 4 : 16;
  const Ports ports = ports_of(tuple);
  const int order =
      std::memcmp(tuple.source.octets.data(), tuple.destination.octets.data(), length);
  const bool swap =
      !ports.one_way && (order > 0 || (order == 0 && ports.source > ports.destination));
  const IpAddress& first = swap ? tuple.destination : tuple.source;
  const IpAddress& second = swap ? tuple.source : tuple.destination;

  std::array<std::byte, 2 + 16 + 16 + 2 + 4> input{};  // begins with the seed
  std::byte* to = input.data() + 2;
  std::memcpy(to, first.octets.data(), length);
  std::memcpy(to + length, second.octets.data(), length);
  to += 2 * length;
  *to = static_cast<std::byte>(tuple.protocol);  // and an octet of padding
  to += 2;
  if (ports.present) {
    wire::store(to, swap ? ports.destination : ports.source);
    wire::store(to + 2, swap ? ports.source : ports.destination);
    to += 4;
  }
  text_[0] = '1';
  text_[1] = ':';
  append_base64(sha1(input.data(), static_cast<std::size_t>(to - input.data())), text_.data() + 2);
}

}  // namespace ctflow
