// SPDX-License-Identifier: GPL-2.0-or-later
// Damage to an event that has everything: it must be refused, or lose whole attributes only.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "conntrack/flow/decode.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

/// Every attribute that decode() reads of a TCP connection, and one it does not know.
std::vector<Octets> all_attributes() {
  return {nest(CTA_TUPLE_ORIG,
               {ipv4(kClient, kServer), ports(6, 40000, 443), attribute(CTA_TUPLE_ZONE, be16(9))}),
          nest(CTA_TUPLE_REPLY, {ipv4(kServer, kRouter), ports(6, 443, 40000)}),
          attribute(CTA_ZONE, be16(7)),
          attribute(CTA_ID, be32(0xdeadbeef)),
          attribute(CTA_STATUS, be32(0x39e)),
          attribute(CTA_TIMEOUT, be32(99)),
          counters(CTA_COUNTERS_ORIG, 10, 1500),
          counters(CTA_COUNTERS_REPLY, 12, 15000),
          timestamps(kStart, kStart + kSecond),
          tcp_state(7),
          attribute(CTA_MARK, be32(42)),
          attribute(300, Octets(8, 0xff))};
}

Octets full_event(std::size_t count = all_attributes().size()) {
  Octets event = destroy({});
  const std::vector<Octets> attributes = all_attributes();
  for (std::size_t i = 0; i < count; ++i) append(event, attributes[i]);
  return with_length(event, static_cast<std::uint32_t>(event.size()));
}

DecodeResult decode_octets(const Octets& octets, Flow& flow) {
  return decode(std::as_bytes(std::span(octets)), flow);
}

DecodeResult result(const Octets& octets) {
  Flow flow;
  return decode_octets(octets, flow);
}

void expect_same(const Flow& one, const Flow& other) {
  EXPECT_EQ(one.original, other.original);
  EXPECT_EQ(one.reply, other.reply);
  EXPECT_EQ(one.original_counters, other.original_counters);
  EXPECT_EQ(one.reply_counters, other.reply_counters);
  EXPECT_EQ(one.start, other.start);
  EXPECT_EQ(one.end, other.end);
  EXPECT_EQ(one.id, other.id);
  EXPECT_EQ(one.status, other.status);
  EXPECT_EQ(one.mark, other.mark);
  EXPECT_EQ(one.timeout, other.timeout);
  EXPECT_EQ(one.zone, other.zone);
  EXPECT_EQ(one.state, other.state);
  EXPECT_EQ(one.present, other.present);
}

TEST(DecodeTruncated, IsRefusedAtEveryOctet) {
  const Octets whole = full_event();
  ASSERT_EQ(result(whole), DecodeResult::kFlow);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(result(cut(whole, length)), DecodeResult::kMalformed) << length;
  }
}

TEST(DecodeTruncated, LosesWholeAttributesOnlyWhenTheLengthIsMended) {
  const Octets whole = full_event();
  std::size_t accepted = 0;
  for (std::size_t length = sizeof(nlmsghdr); length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    // How many attributes are left, if the cut is between two of them. The padding may be missing.
    std::size_t left = 0;
    while (full_event(left).size() < length) ++left;
    const Octets untouched = full_event(left);
    const std::size_t missing = untouched.size() - length;
    const bool between = missing == 0 || (left == 3 && missing <= 2);  // padding of the zone
    Flow flow;
    const Octets part = with_length(cut(whole, length), static_cast<std::uint32_t>(length));
    const DecodeResult answer = decode_octets(part, flow);
    if (!between || left < 2) {
      EXPECT_NE(answer, DecodeResult::kFlow);
      continue;
    }
    ++accepted;
    ASSERT_EQ(answer, DecodeResult::kFlow);
    Flow expected;
    ASSERT_EQ(decode_octets(untouched, expected), DecodeResult::kFlow);
    expect_same(flow, expected);
  }
  // Behind 2 to 11 attributes, and with one octet or none of the zone's padding.
  EXPECT_EQ(accepted, 12U);
}

TEST(DecodeTruncated, NeverReadsBehindTheMessage) {
  // Each length on the heap, where AddressSanitizer guards the octet behind the last one.
  const Octets whole = full_event();
  for (std::size_t length = sizeof(nlmsghdr); length < whole.size(); ++length) {
    const auto part = std::make_unique<std::byte[]>(length);
    const Octets mended = with_length(cut(whole, length), static_cast<std::uint32_t>(length));
    std::memcpy(part.get(), mended.data(), length);
    Flow flow;
    const DecodeResult answer = decode({part.get(), length}, flow);
    EXPECT_TRUE(answer == DecodeResult::kFlow || answer == DecodeResult::kMalformed) << length;
  }
}

/// Two good tuples and a damaged attribute; or, where `replaces_tuple`, instead of the first tuple.
struct Damage {
  const char* name;
  Octets octets;
  bool replaces_tuple = false;
};

Octets original_with(const Octets& addresses, const Octets& protocol, const Octets& more = {}) {
  return nest(CTA_TUPLE_ORIG, {addresses, protocol, more});
}
Octets addresses_with(unsigned type, std::size_t length) {
  return original_with(nest(CTA_TUPLE_IP, {attribute(type, Octets(length))}), ports(6, 1, 2));
}
Octets protocol_with(unsigned type, std::size_t length) {
  return original_with(ipv4(1, 2), nest(CTA_TUPLE_PROTO, {attribute(CTA_PROTO_NUM, be8(6)),
                                                          attribute(type, Octets(length))}));
}
Octets mixed(unsigned source, unsigned destination, std::size_t from, std::size_t to) {
  return original_with(
      nest(CTA_TUPLE_IP, {attribute(source, Octets(from)), attribute(destination, Octets(to))}),
      ports(6, 1, 2));
}
Octets state_with(unsigned tracker, unsigned state) {
  return nest(CTA_PROTOINFO, {nest(tracker, {attribute(state, {})})});
}

std::vector<Damage> damages() {
  std::vector<Damage> all = {
      {"StatusTooShort", attribute(CTA_STATUS, Octets(3))},
      {"TimeoutTooShort", attribute(CTA_TIMEOUT, Octets(3))},
      {"MarkTooShort", attribute(CTA_MARK, Octets(3))},
      {"IdTooShort", attribute(CTA_ID, Octets(3))},
      {"ZoneTooShort", attribute(CTA_ZONE, Octets(1))},
      {"PacketsTooShort", nest(CTA_COUNTERS_ORIG, {attribute(CTA_COUNTERS_PACKETS, Octets(7))})},
      {"OctetsTooShort", nest(CTA_COUNTERS_REPLY, {attribute(CTA_COUNTERS_BYTES, Octets(7))})},
      {"Packets32TooShort",
       nest(CTA_COUNTERS_ORIG, {attribute(CTA_COUNTERS32_PACKETS, Octets(3))})},
      {"Octets32TooShort", nest(CTA_COUNTERS_REPLY, {attribute(CTA_COUNTERS32_BYTES, Octets(3))})},
      {"StartTooShort", nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_START, Octets(7))})},
      {"StopTooShort", nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_STOP, Octets(7))})},
      {"StartOutOfRange", nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_START, be64(1ULL << 63))})},
      {"StopOutOfRange", nest(CTA_TIMESTAMP, {attribute(CTA_TIMESTAMP_STOP, be64(1ULL << 63))})},
      {"TcpStateEmpty", state_with(CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE)},
      {"DccpStateEmpty", state_with(CTA_PROTOINFO_DCCP, CTA_PROTOINFO_DCCP_STATE)},
      {"SctpStateEmpty", state_with(CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE)},
      {"TupleEmpty", nest(CTA_TUPLE_ORIG, {}), true},
      {"AddressesMissing", nest(CTA_TUPLE_ORIG, {ports(6, 1, 2)}), true},
      {"AddressesEmpty", original_with(nest(CTA_TUPLE_IP, {}), ports(6, 1, 2)), true},
      {"ProtocolMissing", nest(CTA_TUPLE_ORIG, {ipv4(1, 2)}), true},
      {"ProtocolWithoutNumber",
       original_with(ipv4(1, 2), nest(CTA_TUPLE_PROTO, {attribute(CTA_PROTO_SRC_PORT, be16(1))})),
       true},
      {"Ipv4SourceAlone", addresses_with(CTA_IP_V4_SRC, 4), true},
      {"Ipv4DestinationAlone", addresses_with(CTA_IP_V4_DST, 4), true},
      {"Ipv6SourceAlone", addresses_with(CTA_IP_V6_SRC, 16), true},
      {"Ipv6DestinationAlone", addresses_with(CTA_IP_V6_DST, 16), true},
      {"Ipv4SourceTooShort", mixed(CTA_IP_V4_SRC, CTA_IP_V4_DST, 3, 4), true},
      {"Ipv4DestinationTooShort", mixed(CTA_IP_V4_SRC, CTA_IP_V4_DST, 4, 3), true},
      {"Ipv6SourceTooShort", mixed(CTA_IP_V6_SRC, CTA_IP_V6_DST, 15, 16), true},
      {"Ipv6DestinationTooShort", mixed(CTA_IP_V6_SRC, CTA_IP_V6_DST, 16, 15), true},
      {"FamiliesMixed", mixed(CTA_IP_V4_SRC, CTA_IP_V6_DST, 4, 16), true},
      {"FamiliesMixedTheOtherWay", mixed(CTA_IP_V6_SRC, CTA_IP_V4_DST, 16, 4), true},
      {"FamiliesBoth",
       original_with(nest(CTA_TUPLE_IP,
                          {attribute(CTA_IP_V4_SRC, Octets(4)), attribute(CTA_IP_V4_DST, Octets(4)),
                           attribute(CTA_IP_V6_SRC, Octets(16))}),
                     ports(6, 1, 2)),
       true},
      {"NumberEmpty", protocol_with(CTA_PROTO_NUM, 0), true},
      {"SourcePortTooShort", protocol_with(CTA_PROTO_SRC_PORT, 1), true},
      {"DestinationPortTooShort", protocol_with(CTA_PROTO_DST_PORT, 1), true},
      {"IcmpIdTooShort", protocol_with(CTA_PROTO_ICMP_ID, 1), true},
      {"IcmpTypeEmpty", protocol_with(CTA_PROTO_ICMP_TYPE, 0), true},
      {"IcmpCodeEmpty", protocol_with(CTA_PROTO_ICMP_CODE, 0), true},
      {"Icmpv6IdTooShort", protocol_with(CTA_PROTO_ICMPV6_ID, 1), true},
      {"Icmpv6TypeEmpty", protocol_with(CTA_PROTO_ICMPV6_TYPE, 0), true},
      {"Icmpv6CodeEmpty", protocol_with(CTA_PROTO_ICMPV6_CODE, 0), true},
      {"TupleZoneTooShort",
       original_with(ipv4(1, 2), ports(6, 1, 2), attribute(CTA_TUPLE_ZONE, Octets(1))), true},
      {"LengthBeyondTheEnd", lying_attribute(CTA_MARK, 9, be32(1))},
      {"LengthLargest", lying_attribute(CTA_MARK, 0xffff, be32(1))},
      {"UnknownBeyondTheEnd", lying_attribute(300, 9, be32(1))},
      {"OneOctetLeft", {0}},
      {"TwoOctetsLeft", {4, 0}},
      {"ThreeOctetsLeft", {4, 0, 1}},
      {"NestedBeyondItsNest",
       nest(CTA_TUPLE_ORIG, {ipv4(1, 2), lying_attribute(CTA_TUPLE_PROTO, 200, Octets(8))}), true},
      {"TrackerBroken", nest(CTA_PROTOINFO, {attribute(CTA_PROTOINFO_TCP, {3, 0, 1, 0})})},
  };
  const std::pair<const char*, std::uint16_t> lengths[] = {
      {"LengthZero", std::uint16_t{0}},
      {"LengthOne", std::uint16_t{1}},
      {"LengthTwo", std::uint16_t{2}},
      {"LengthThree", std::uint16_t{3}},
  };
  for (const auto& [name, length] : lengths) {
    all.push_back({name, lying_attribute(CTA_MARK, length, be32(1))});
  }
  return all;
}

class DecodeDamaged : public testing::TestWithParam<Damage> {};

TEST_P(DecodeDamaged, IsRefused) {
  const Damage& damage = GetParam();
  const Octets good = nest(CTA_TUPLE_ORIG, {ipv4(1, 2), ports(6, 1, 2)});
  const Octets reply = nest(CTA_TUPLE_REPLY, {ipv4(2, 1), ports(6, 2, 1)});
  ASSERT_EQ(result(destroy({good, reply})), DecodeResult::kFlow);
  const Octets event = damage.replaces_tuple ? destroy({damage.octets, reply})
                                             : destroy({good, reply, damage.octets});
  EXPECT_EQ(result(event), DecodeResult::kMalformed);
}

INSTANTIATE_TEST_SUITE_P(Damages, DecodeDamaged, testing::ValuesIn(damages()),
                         [](const auto& given) { return std::string(given.param.name); });

TEST(DecodeOther, IgnoresExpectationsErrorsAndControlMessages) {
  constexpr std::uint16_t kExpectations = NFNL_SUBSYS_CTNETLINK_EXP << 8;
  for (const int type : {kExpectations | IPCTNL_MSG_EXP_NEW, kExpectations | IPCTNL_MSG_EXP_DELETE,
                         int{NLMSG_NOOP}, int{NLMSG_ERROR}, int{NLMSG_DONE}, int{NLMSG_OVERRUN},
                         NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
                         NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW}) {
    EXPECT_EQ(result(with_type(full_event(), static_cast<std::uint16_t>(type))),
              DecodeResult::kIgnored)
        << type;
  }
}

TEST(DecodeOther, RefusesALengthThatLies) {
  const Octets whole = full_event();
  const auto size = static_cast<std::uint32_t>(whole.size());
  for (const std::uint32_t length : {0U, 1U, 15U, 16U, 19U, size + 1, size + 4, 0x80000000U, ~0U}) {
    EXPECT_EQ(result(with_length(whole, length)), DecodeResult::kMalformed) << length;
  }
}

TEST(DecodeOther, LeavesOctetsBehindTheMessageAlone) {
  Octets longer = full_event();
  append(longer, Octets(7, 0xff));
  EXPECT_EQ(result(longer), DecodeResult::kFlow);
}

}  // namespace
}  // namespace ctflow
