// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_patch/decode_extras.hpp"

#include <gtest/gtest.h>

#include "conntrack/flow/decode.hpp"
#include "nf_conntrack_flow.h"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

KernelExtras extras_of(std::initializer_list<Octets> children) {
  const Octets attribute = nest(CTA_FLOW, children);
  KernelExtras extras;
  decode_extras(std::as_bytes(std::span(attribute)).subspan(4), extras);
  return extras;
}

Octets version(std::uint8_t number = CTA_FLOW_VERSION_1) {
  return attribute(CTA_FLOW_VERSION, be8(number));
}

Octets full_direction(unsigned type) {
  return nest(
      type,
      {attribute(CTA_FLOW_DIR_FIRST, be64(kStart)), attribute(CTA_FLOW_DIR_LAST, be64(kStart + 7)),
       attribute(CTA_FLOW_DIR_IIF, be32(3)), attribute(CTA_FLOW_DIR_OIF, be32(4)),
       attribute(CTA_FLOW_DIR_TCP_FLAGS, be16(0x11b)), attribute(CTA_FLOW_DIR_TOS, be8(0xb8)),
       attribute(CTA_FLOW_DIR_TTL_MIN, be8(61)), attribute(CTA_FLOW_DIR_TTL_MAX, be8(64)),
       attribute(CTA_FLOW_DIR_LEN_MIN, be32(40)), attribute(CTA_FLOW_DIR_LEN_MAX, be32(70'000)),
       attribute(CTA_FLOW_DIR_WIRE_PACKETS, be64(1ULL << 33)),
       attribute(CTA_FLOW_DIR_WIRE_OCTETS, be64(1ULL << 40)),
       attribute(CTA_FLOW_DIR_FLAGS, be32(1)), attribute(CTA_FLOW_DIR_ICMP_ERRORS, be32(2))});
}

TEST(DecodeExtras, ReadsBothDirectionsAndTheReason) {
  const KernelExtras extras =
      extras_of({version(), full_direction(CTA_FLOW_ORIG), full_direction(CTA_FLOW_REPLY),
                 attribute(CTA_FLOW_REASON, be8(NF_CT_FLOW_REASON_EARLY_DROP))});
  EXPECT_TRUE(extras.present);
  EXPECT_EQ(extras.reason, NF_CT_FLOW_REASON_EARLY_DROP);
  EXPECT_EQ(extras.original, extras.reply);
  const DirectionExtras& direction = extras.original;
  EXPECT_EQ(direction.first.time_since_epoch().count(), static_cast<std::int64_t>(kStart));
  EXPECT_EQ(direction.last - direction.first, std::chrono::nanoseconds(7));
  EXPECT_EQ(direction.interfaces, (Interfaces{3, 4}));
  EXPECT_EQ(direction.tcp_control_bits, 0x11b);
  EXPECT_EQ(direction.class_of_service, 0xb8);
  EXPECT_EQ(direction.ttl_min, 61);
  EXPECT_EQ(direction.ttl_max, 64);
  EXPECT_EQ(direction.length_min, 40);
  EXPECT_EQ(direction.length_max, 65535) << "that or more";
  EXPECT_EQ(direction.wire, (Counters{1ULL << 33, 1ULL << 40}));
  EXPECT_TRUE(direction.has_times && direction.has_wire && direction.has_interfaces);
}

TEST(DecodeExtras, TakesAShortAttributeForAbsent) {
  const KernelExtras extras =
      extras_of({version(), nest(CTA_FLOW_ORIG, {attribute(CTA_FLOW_DIR_FIRST, be64(1)),
                                                 attribute(CTA_FLOW_DIR_LAST, be32(1)),
                                                 attribute(CTA_FLOW_DIR_IIF, be16(3)),
                                                 attribute(CTA_FLOW_DIR_WIRE_PACKETS, be64(1))})});
  EXPECT_TRUE(extras.present);
  EXPECT_FALSE(extras.original.has_times);
  EXPECT_FALSE(extras.original.has_interfaces);
  EXPECT_FALSE(extras.original.has_wire);
}

TEST(DecodeExtras, SkipsAttributesOfALaterPatch) {
  const KernelExtras extras = extras_of(
      {attribute(99, be64(1)), version(),
       nest(CTA_FLOW_ORIG, {attribute(99, {}), attribute(CTA_FLOW_DIR_TOS, {0x20, 0, 0, 0, 0})})});
  EXPECT_TRUE(extras.present);
  EXPECT_EQ(extras.original.class_of_service, 0x20);
}

TEST(DecodeExtras, IgnoresAnotherVersion) {
  EXPECT_EQ(extras_of({version(2), full_direction(CTA_FLOW_ORIG)}), KernelExtras{});
  EXPECT_EQ(extras_of({full_direction(CTA_FLOW_ORIG)}), KernelExtras{});
}

TEST(DecodeExtras, IgnoresOctetsThatAreNoAttributes) {
  EXPECT_EQ(extras_of({version(), attribute(CTA_FLOW_ORIG, {3, 0, 1, 0})}), KernelExtras{});
  EXPECT_EQ(extras_of({version(), Octets{2, 0, 1, 0}}), KernelExtras{});
}

TEST(DecodeExtras, MakeAReportOfAnUpdateMessage) {
  const Octets orig = nest(CTA_TUPLE_ORIG, {ipv4(1, 2), ports(17, 3, 4)});
  const Octets reply = nest(CTA_TUPLE_REPLY, {ipv4(2, 1), ports(17, 4, 3)});
  Flow flow;
  const auto result = [&](const Octets& octets) {
    return decode(std::as_bytes(std::span(octets)), flow);
  };
  EXPECT_EQ(result(message(IPCTNL_MSG_CT_NEW, {orig, reply, nest(CTA_FLOW, {version()})})),
            DecodeResult::kReport);
  EXPECT_EQ(result(message(IPCTNL_MSG_CT_NEW, {orig, reply})), DecodeResult::kIgnored);
  EXPECT_EQ(result(message(IPCTNL_MSG_CT_NEW, {orig, nest(CTA_FLOW, {version()})})),
            DecodeResult::kMalformed);
}

}  // namespace
}  // namespace ctflow
