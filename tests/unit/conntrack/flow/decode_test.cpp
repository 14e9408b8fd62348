// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/decode.hpp"

#include <gtest/gtest.h>

#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

DecodeResult decode_octets(const Octets& octets, Flow& flow) {
  return decode(std::as_bytes(std::span(octets)), flow);
}

/// Decodes what must be an event.
Flow event(const Octets& octets) {
  Flow flow;
  EXPECT_EQ(decode_octets(octets, flow), DecodeResult::kFlow);
  return flow;
}

DecodeResult result(const Octets& octets) {
  Flow flow;
  return decode_octets(octets, flow);
}

Octets tuple(unsigned type, std::uint8_t protocol = 17) {
  return nest(type, {ipv4(kClient, kServer), ports(protocol, 1000, 53)});
}

/// An event of two plain tuples and one more attribute.
Octets with(const Octets& more) {
  return destroy({tuple(CTA_TUPLE_ORIG), tuple(CTA_TUPLE_REPLY), more});
}

IpAddress address4(std::uint32_t value) {
  IpAddress address;
  const Octets octets = be32(value);
  std::copy(octets.begin(), octets.end(), address.octets.begin());
  return address;
}

TEST(Decode, ReadsATranslatedTcpConnection) {
  const Flow flow = event(nat_tcp_event());
  EXPECT_EQ(flow.original.family, AddressFamily::kIpv4);
  EXPECT_EQ(flow.original.source, address4(kClient));
  EXPECT_EQ(flow.original.destination, address4(kServer));
  EXPECT_EQ(flow.original.source_port, 40000);
  EXPECT_EQ(flow.original.destination_port, 443);
  EXPECT_EQ(flow.original.protocol, 6);
  EXPECT_EQ(flow.reply.destination, address4(kRouter));
  EXPECT_EQ(flow.original_counters, (Counters{10, 1500}));
  EXPECT_EQ(flow.reply_counters, (Counters{12, 15000}));
  EXPECT_EQ(flow.id, 0xdeadbeefU);
  EXPECT_EQ(flow.status, 0x39eU);
  EXPECT_TRUE(translated(flow));
  EXPECT_EQ(flow.mark, 42U);
  EXPECT_EQ(flow.state, 7);
  EXPECT_EQ(flow.start.time_since_epoch().count(), static_cast<std::int64_t>(kStart));
  EXPECT_EQ(flow.end - flow.start, std::chrono::seconds(125));
  EXPECT_EQ(flow.present, (Presence{true, true, true, false, true}));
}

TEST(Decode, ReadsIpv6) {
  Octets source(16);
  Octets destination(16);
  for (std::uint8_t i = 0; i < 16; ++i) {
    source[i] = i;
    destination[i] = static_cast<std::uint8_t>(0xf0 + i);
  }
  const Octets six = nest(CTA_TUPLE_ORIG, {ipv6(source, destination), ports(17, 1, 2)});
  const Octets back = nest(CTA_TUPLE_REPLY, {ipv6(destination, source), ports(17, 2, 1)});
  const Flow flow = event(destroy({six, back}, 10));
  EXPECT_EQ(flow.original.family, AddressFamily::kIpv6);
  EXPECT_TRUE(std::equal(source.begin(), source.end(), flow.original.source.octets.begin()));
  EXPECT_TRUE(std::equal(source.begin(), source.end(), flow.reply.destination.octets.begin()));
}

TEST(Decode, ReadsEveryProtocolWithPortsInBothFamilies) {
  const Octets four = ipv4(kClient, kServer);
  const Octets six = ipv6(Octets(16, 1), Octets(16, 2));
  for (const std::uint8_t protocol : Octets{6, 17, 33, 47, 132, 136}) {
    for (const Octets& addresses : {four, six}) {
      const Flow flow =
          event(destroy({nest(CTA_TUPLE_ORIG, {addresses, ports(protocol, 1000, 53)}),
                         nest(CTA_TUPLE_REPLY, {addresses, ports(protocol, 53, 1000)})}));
      EXPECT_EQ(flow.original.family,
                addresses == four ? AddressFamily::kIpv4 : AddressFamily::kIpv6);
      EXPECT_EQ(flow.original.protocol, protocol);
      EXPECT_EQ(flow.original.source_port, 1000);
      EXPECT_EQ(flow.original.destination_port, 53);
      EXPECT_EQ(flow.reply.protocol, protocol);
      EXPECT_EQ(flow.reply.source_port, 53);
      EXPECT_EQ(flow.reply.destination_port, 1000);
      EXPECT_FALSE(flow.present.no_ports);
    }
  }
}

TEST(Decode, ReadsAProtocolWithoutPorts) {
  const Octets protocol = nest(CTA_TUPLE_PROTO, {attribute(CTA_PROTO_NUM, be8(89))});
  const Flow flow = event(destroy({nest(CTA_TUPLE_ORIG, {ipv4(1, 2), protocol}),
                                   nest(CTA_TUPLE_REPLY, {ipv4(2, 1), protocol})}));
  EXPECT_EQ(flow.original.protocol, 89);
  EXPECT_EQ(flow.original.source_port, 0);
  EXPECT_TRUE(flow.present.no_ports);
}

TEST(Decode, ReadsIcmpOfBothFamilies) {
  const struct {
    unsigned id, type, code;
    std::uint8_t protocol;
  } families[] = {{CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE, 1},
                  {CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE, 58}};
  for (const auto& family : families) {
    const auto echo = [&](unsigned which, std::uint8_t type) {
      return nest(
          which, {ipv4(1, 2), nest(CTA_TUPLE_PROTO, {attribute(CTA_PROTO_NUM, be8(family.protocol)),
                                                     attribute(family.id, be16(0x1234)),
                                                     attribute(family.type, be8(type)),
                                                     attribute(family.code, be8(5))})});
    };
    const Flow flow = event(destroy({echo(CTA_TUPLE_ORIG, 8), echo(CTA_TUPLE_REPLY, 0)}));
    EXPECT_EQ(flow.original.icmp_id, 0x1234);
    EXPECT_EQ(flow.original.icmp_type, 8);
    EXPECT_EQ(flow.original.icmp_code, 5);
    EXPECT_EQ(flow.reply.icmp_type, 0);
  }
}

TEST(Decode, ReadsCountersOf32Bits) {
  const auto narrow = [](unsigned type) {
    return nest(type, {attribute(CTA_COUNTERS32_PACKETS, be32(7)),
                       attribute(CTA_COUNTERS32_BYTES, be32(0xffffffff))});
  };
  const Flow flow = event(destroy({tuple(CTA_TUPLE_ORIG), tuple(CTA_TUPLE_REPLY),
                                   narrow(CTA_COUNTERS_ORIG), narrow(CTA_COUNTERS_REPLY)}));
  EXPECT_TRUE(flow.present.counters);
  EXPECT_EQ(flow.original_counters, (Counters{7, 0xffffffff}));
}

TEST(Decode, ReadsCountersOf64Bits) {
  const Flow flow = event(destroy({tuple(CTA_TUPLE_ORIG), tuple(CTA_TUPLE_REPLY),
                                   counters(CTA_COUNTERS_ORIG, 1ULL << 40, ~0ULL),
                                   counters(CTA_COUNTERS_REPLY, 0, 0)}));
  EXPECT_EQ(flow.original_counters, (Counters{1ULL << 40, ~0ULL}));
}

TEST(Decode, SaysThatCountersAreMissing) {
  EXPECT_FALSE(event(with({})).present.counters);
  EXPECT_FALSE(event(with(counters(CTA_COUNTERS_ORIG, 1, 1))).present.counters);
}

TEST(Decode, GivesTheWholeZoneToBothDirections) {
  const Flow flow = event(with(attribute(CTA_ZONE, be16(7))));
  EXPECT_EQ(flow.zone, 7);
  EXPECT_EQ(flow.original.zone, 7);
  EXPECT_EQ(flow.reply.zone, 7);
}

TEST(Decode, ReadsTheZoneOfOneDirection) {
  const Flow flow = event(destroy(
      {nest(CTA_TUPLE_ORIG, {ipv4(1, 2), ports(17, 1, 2), attribute(CTA_TUPLE_ZONE, be16(9))}),
       tuple(CTA_TUPLE_REPLY)}));
  EXPECT_EQ(flow.original.zone, 9);
  EXPECT_EQ(flow.reply.zone, 0);
}

TEST(Decode, ReadsTheZoneOfTheReply) {
  const Octets reply =
      nest(CTA_TUPLE_REPLY, {ipv4(2, 1), ports(17, 2, 1), attribute(CTA_TUPLE_ZONE, be16(9))});
  const Flow flow = event(destroy({tuple(CTA_TUPLE_ORIG), reply, attribute(CTA_ZONE, be16(7))}));
  EXPECT_EQ(flow.zone, 7);
  EXPECT_EQ(flow.original.zone, 7);
  EXPECT_EQ(flow.reply.zone, 9);
}

TEST(Decode, ReadsTimeoutAndThePortThatAsked) {
  const Flow flow = event(destroy(
      {tuple(CTA_TUPLE_ORIG), tuple(CTA_TUPLE_REPLY), attribute(CTA_TIMEOUT, be32(99))}, 2, 4242));
  EXPECT_TRUE(flow.present.timeout);
  EXPECT_EQ(flow.timeout, 99U);
  EXPECT_EQ(flow.port_id, 4242U);
}

TEST(Decode, ReadsTheStateOfEveryTracker) {
  const std::pair<unsigned, unsigned> trackers[] = {{CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE},
                                                    {CTA_PROTOINFO_DCCP, CTA_PROTOINFO_DCCP_STATE},
                                                    {CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE}};
  for (const auto& [tracker, state] : trackers) {
    const Flow flow = event(with(nest(CTA_PROTOINFO, {nest(tracker, {attribute(state, be8(3))})})));
    EXPECT_TRUE(flow.present.state);
    EXPECT_EQ(flow.state, 3);
  }
}

TEST(Decode, SkipsWhatItDoesNotKnow) {
  const Octets unknown = attribute(256, Octets(100, 0xff));
  Octets plain = with({});
  Octets more = destroy(
      {unknown,
       nest(CTA_TUPLE_ORIG, {attribute(30, {}), ipv4(kClient, kServer), ports(17, 1000, 53)}),
       tuple(CTA_TUPLE_REPLY), unknown});
  EXPECT_EQ(event(plain).original, event(more).original);
}

TEST(Decode, StartsFromACleanFlow) {
  Flow flow;
  decode_octets(nat_tcp_event(), flow);
  decode_octets(with({}), flow);
  EXPECT_EQ(flow.mark, 0U);
  EXPECT_FALSE(flow.present.counters);
  EXPECT_EQ(flow.start, TimePoint{});
}

TEST(Decode, IgnoresOtherMessages) {
  EXPECT_EQ(result(message(IPCTNL_MSG_CT_NEW, {})), DecodeResult::kIgnored);
  EXPECT_EQ(result(message(IPCTNL_MSG_CT_GET, {})), DecodeResult::kIgnored);
  for (const std::uint16_t type :
       {std::uint16_t{NLMSG_ERROR}, std::uint16_t{NLMSG_DONE}, std::uint16_t{0x0202}}) {
    Octets other = nat_tcp_event();
    const Octets octets = host(type);
    std::copy(octets.begin(), octets.end(), other.begin() + 4);
    EXPECT_EQ(result(other), DecodeResult::kIgnored) << type;
  }
}

TEST(Decode, RefusesAMessageShorterThanItsHeaders) {
  const Octets whole = destroy({});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Octets part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(result(part), DecodeResult::kMalformed) << length;
  }
}

TEST(Decode, RefusesAnEventWithoutBothTuples) {
  EXPECT_EQ(result(destroy({})), DecodeResult::kMalformed);
  EXPECT_EQ(result(destroy({tuple(CTA_TUPLE_ORIG)})), DecodeResult::kMalformed);
  EXPECT_EQ(result(destroy({tuple(CTA_TUPLE_REPLY)})), DecodeResult::kMalformed);
}

TEST(Decode, RefusesBrokenNesting) {
  const Octets broken = {3, 0, 1, 0};  // an attribute shorter than its own header
  for (const unsigned type : {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_PROTOINFO, CTA_COUNTERS_ORIG,
                              CTA_COUNTERS_REPLY, CTA_TIMESTAMP}) {
    EXPECT_EQ(result(with(attribute(type, broken))), DecodeResult::kMalformed) << type;
  }
}

/// What an earlier message left behind is in none of the members.
TEST(Decode, EmptiesTheFlowBefore) {
  Flow used = event(nat_tcp_event());
  used.original.icmp_id = used.reply.icmp_id = 9;
  used.original.icmp_code = used.reply.icmp_type = 9;
  used.original.zone = used.reply.zone = used.zone = 9;
  used.original.source.octets.fill(9);
  used.reply.destination.octets.fill(9);
  used.event_time = TimePoint::max();
  used.timeout = used.port_id = used.mark = 9;
  used.original_interfaces = used.reply_interfaces = {9, 9};
  used.original_routing = used.reply_routing = {used.original.source, 9, 9, 9, 9};
  used.initiator_origin = used.responder_origin = {9, {'Z', 'Z'}};
  used.initiator_mac = used.responder_mac = 9;
  used.user = "nobody";
  used.state = 9;
  used.event = FlowEvent::kReported;
  used.end_reason = EndReason::kForcedEnd;
  used.present = {.counters = true, .start = true, .stop = true, .timeout = true, .state = true};
  used.earlier = {{9, 9}, {9, 9}, TimePoint::max()};
  DirectionExtras& extras = used.extras.original;
  extras = {TimePoint::max(), TimePoint::max(), {9, 9}, {9, 9}, {9, 9}, 9, 9, 9, 9, 9, 9};
  extras.has_times = extras.has_wire = extras.has_interfaces = extras.continued = true;
  used.extras.reply = extras;
  used.removed = TimePoint(std::chrono::seconds(8));
  used.extras.reason = 9;
  used.extras.present = used.extras.by_present_clock = true;

  const Octets message = with({});
  const Flow fresh = event(message);
  ASSERT_EQ(decode_octets(message, used), DecodeResult::kFlow);
  EXPECT_EQ(fresh.port_id, used.port_id);
  const auto& [original, reply, original_counters, reply_counters, start, end, event_time, id,
               status, mark, timeout, port_id, original_interfaces, reply_interfaces,
               original_routing, reply_routing, initiator_origin, responder_origin, initiator_mac,
               responder_mac, user, zone, state, happened, end_reason, present, earlier, removed,
               kernel] = used;
  EXPECT_TRUE(initiator_origin == NetworkOrigin{} && responder_origin == NetworkOrigin{});
  EXPECT_TRUE(initiator_mac == 0 && responder_mac == 0 && user.empty());
  EXPECT_TRUE(original == fresh.original && reply == fresh.reply);
  EXPECT_TRUE(original_counters == fresh.original_counters &&
              reply_counters == fresh.reply_counters);
  EXPECT_TRUE(start == fresh.start && end == fresh.end && event_time == fresh.event_time);
  EXPECT_TRUE(id == fresh.id && status == fresh.status && mark == fresh.mark);
  EXPECT_TRUE(timeout == fresh.timeout && port_id == fresh.port_id && zone == fresh.zone);
  EXPECT_TRUE(original_interfaces == fresh.original_interfaces);
  EXPECT_TRUE(reply_interfaces == fresh.reply_interfaces);
  EXPECT_TRUE(original_routing == fresh.original_routing);
  EXPECT_TRUE(reply_routing == fresh.reply_routing);
  EXPECT_TRUE(state == fresh.state && happened == fresh.event);
  EXPECT_TRUE(end_reason == fresh.end_reason && present == fresh.present);
  EXPECT_TRUE(earlier == fresh.earlier && removed == fresh.removed && kernel == fresh.extras);
  EXPECT_EQ(fresh.event, Flow{}.event);
  EXPECT_EQ(fresh.end_reason, Flow{}.end_reason);
}

}  // namespace
}  // namespace ctflow
