// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/usual_layout.hpp"

#include <gtest/gtest.h>

#include "conntrack/flow/decode.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

constexpr std::size_t kAttributeHeader = 4;

Bytes bytes(const Octets& octets) { return std::as_bytes(std::span(octets)); }

/// What stands within a nest.
Octets payload(const Octets& nest) { return {nest.begin() + kAttributeHeader, nest.end()}; }

Octets tuple4() {
  return payload(nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(17, 1000, 53)}));
}

TEST(UsualLayout, ReadsATupleOfIpv4AtItsPlaces) {
  Tuple tuple;
  tuple.source.octets.fill(0xff);
  ASSERT_TRUE(usual_layout::read_tuple(bytes(tuple4()), tuple));
  EXPECT_EQ(tuple.family, AddressFamily::kIpv4);
  EXPECT_EQ(tuple.protocol, 17);
  EXPECT_EQ(tuple.source_port, 1000);
  EXPECT_EQ(tuple.destination_port, 53);
  EXPECT_EQ(tuple.source.octets, (std::array<std::uint8_t, 16>{10, 0, 1, 2}));
  EXPECT_EQ(tuple.destination.octets, (std::array<std::uint8_t, 16>{10, 0, 2, 2}));
}

TEST(UsualLayout, ReadsATupleOfIpv6AtItsPlaces) {
  const Octets source(16, 1);
  const Octets destination(16, 2);
  Tuple tuple;
  ASSERT_TRUE(usual_layout::read_tuple(
      bytes(payload(nest(CTA_TUPLE_ORIG, {ipv6(source, destination), ports(6, 1, 2)}))), tuple));
  EXPECT_EQ(tuple.family, AddressFamily::kIpv6);
  EXPECT_EQ(tuple.source.octets[15], 1);
  EXPECT_EQ(tuple.destination.octets[0], 2);
  EXPECT_EQ(tuple.protocol, 6);
}

TEST(UsualLayout, LeavesAnyOtherTupleToTheWalk) {
  const Octets other[] = {
      payload(nest(CTA_TUPLE_ORIG, {ports(17, 1, 2), ipv4(kClient, kServer)})),
      payload(nest(CTA_TUPLE_ORIG,
                   {ipv4(kClient, kServer), ports(17, 1, 2), attribute(CTA_TUPLE_ZONE, be16(7))})),
      payload(nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer)})),
      {},
  };
  for (const Octets& octets : other) {
    Tuple tuple;
    EXPECT_FALSE(usual_layout::read_tuple(bytes(octets), tuple));
    EXPECT_EQ(tuple, Tuple{}) << "unchanged";
  }
}

TEST(UsualLayout, LeavesATupleWithAnyOtherHeaderToTheWalk) {
  // Where the headers of the nests and attributes stand.
  for (const std::size_t header : {0U, 4U, 12U, 20U, 24U, 32U, 40U}) {
    for (std::size_t octet = header; octet < header + kAttributeHeader; ++octet) {
      Octets changed = tuple4();
      changed[octet] ^= 1;
      Tuple tuple;
      EXPECT_FALSE(usual_layout::read_tuple(bytes(changed), tuple)) << octet;
    }
  }
}

TEST(UsualLayout, ReadsPairsOfNumbersInTheirOrderOnly) {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  const Octets pair = payload(counters(CTA_COUNTERS_ORIG, 3, 400));
  ASSERT_TRUE(usual_layout::read_pair(bytes(pair), CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES, first,
                                      second));
  EXPECT_EQ(first, 3U);
  EXPECT_EQ(second, 400U);
  EXPECT_FALSE(usual_layout::read_pair(bytes(pair), CTA_COUNTERS_BYTES, CTA_COUNTERS_PACKETS, first,
                                       second));
}

TEST(UsualLayout, GivesTheSameFlowAsTheWalk) {
  Octets usual = nat_tcp_event();
  // An attribute that nobody knows, in front: nothing is at its place any more.
  constexpr unsigned kUnknown = 0xfff;
  Octets shifted(usual.begin(), usual.begin() + 20);
  append(shifted, attribute(kUnknown, be32(0)));
  shifted.insert(shifted.end(), usual.begin() + 20, usual.end());
  const Octets length = host(static_cast<std::uint32_t>(shifted.size()));
  std::copy(length.begin(), length.end(), shifted.begin());
  Flow read;
  Flow walked;
  ASSERT_EQ(decode(bytes(usual), read), DecodeResult::kFlow);
  ASSERT_EQ(decode(bytes(shifted), walked), DecodeResult::kFlow);
  EXPECT_EQ(read.original, walked.original);
  EXPECT_EQ(read.reply, walked.reply);
  EXPECT_EQ(read.forward, walked.forward);
  EXPECT_EQ(read.backward, walked.backward);
  EXPECT_EQ(read.start, walked.start);
  EXPECT_EQ(read.end, walked.end);
  EXPECT_EQ(read.present, walked.present);
  EXPECT_EQ(read.state, walked.state);
  EXPECT_EQ(read.id, walked.id);
  EXPECT_EQ(read.status, walked.status);
  EXPECT_EQ(read.mark, walked.mark);
}

}  // namespace
}  // namespace ctflow
