// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/usual_layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "conntrack/flow/decode.hpp"
#include "conntrack/flow/usual_end.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

using namespace test;

constexpr std::size_t kAttributeHeader = 4;

/// What stands within a nest.
Octets payload(const Octets& nest) { return {nest.begin() + kAttributeHeader, nest.end()}; }

Octets tuple4() {
  return payload(nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(17, 1000, 53)}));
}

TEST(UsualLayout, ReadsATupleOfIpv4AtItsPlaces) {
  Tuple tuple;
  tuple.source.octets.fill(0xff);
  ASSERT_TRUE(usual_layout::read_tuple(bytes_of(tuple4()), tuple));
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
      bytes_of(payload(nest(CTA_TUPLE_ORIG, {ipv6(source, destination), ports(6, 1, 2)}))), tuple));
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
    EXPECT_FALSE(usual_layout::read_tuple(bytes_of(octets), tuple));
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
      EXPECT_FALSE(usual_layout::read_tuple(bytes_of(changed), tuple)) << octet;
    }
  }
}

TEST(UsualLayout, ReadsPairsOfNumbersInTheirOrderOnly) {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  const Octets pair = payload(counters(CTA_COUNTERS_ORIG, 3, 400));
  ASSERT_TRUE(usual_layout::read_pair(bytes_of(pair), CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES,
                                      first, second));
  EXPECT_EQ(first, 3U);
  EXPECT_EQ(second, 400U);
  EXPECT_FALSE(usual_layout::read_pair(bytes_of(pair), CTA_COUNTERS_BYTES, CTA_COUNTERS_PACKETS,
                                       first, second));
}

/// With an attribute that nobody knows in front: nothing is at its place any more.
Octets shifted(const Octets& message) {
  constexpr unsigned kUnknown = 0xfff;
  constexpr std::ptrdiff_t kHeaders = 20;
  Octets other(message.begin(), message.begin() + kHeaders);
  append(other, attribute(kUnknown, be32(0)));
  other.insert(other.end(), message.begin() + kHeaders, message.end());
  return with_length(other, static_cast<std::uint32_t>(other.size()));
}

DecodeResult expect_as_walked(const Octets& message) {
  Flow read;
  Flow walked;
  const DecodeResult result = decode(bytes_of(message), read);
  EXPECT_EQ(decode(bytes_of(shifted(message)), walked), result);
  if (result != DecodeResult::kFlow) return result;
  EXPECT_EQ(read.original, walked.original);
  EXPECT_EQ(read.reply, walked.reply);
  EXPECT_EQ(read.original_counters, walked.original_counters);
  EXPECT_EQ(read.reply_counters, walked.reply_counters);
  EXPECT_EQ(read.start, walked.start);
  EXPECT_EQ(read.end, walked.end);
  EXPECT_EQ(read.present, walked.present);
  EXPECT_EQ(read.state, walked.state);
  EXPECT_EQ(read.id, walked.id);
  EXPECT_EQ(read.status, walked.status);
  EXPECT_EQ(read.timeout, walked.timeout);
  EXPECT_EQ(read.mark, walked.mark);
  return result;
}

Octets ipv6_event() {
  const Octets client(16, 1);
  const Octets server(16, 2);
  return destroy({nest(CTA_TUPLE_ORIG, {ipv6(client, server), ports(17, 5000, 53)}),
                  nest(CTA_TUPLE_REPLY, {ipv6(server, client), ports(17, 53, 5000)}),
                  attribute(CTA_ID, be32(0xdeadbeef)), attribute(CTA_STATUS, be32(0x20e)),
                  counters(CTA_COUNTERS_ORIG, 10, 1500), counters(CTA_COUNTERS_REPLY, 12, 15000),
                  timestamps(kStart, kStart + 125 * kSecond)},
                 10);
}

/// The same of an entry that was removed with 42 seconds left.
Octets early(const Octets& event) {
  const Octets original = counters(CTA_COUNTERS_ORIG, 10, 1500);
  const auto place = std::search(event.begin(), event.end(), original.begin(), original.end());
  Octets other(event.begin(), place);
  append(other, attribute(CTA_TIMEOUT, be32(42)));
  other.insert(other.end(), place, event.end());
  return with_length(other, static_cast<std::uint32_t>(other.size()));
}

/// A flow in memory of which every octet was `before`.
class FlowOf {
 public:
  explicit FlowOf(unsigned before) {
    std::memset(octets_.data(), static_cast<int>(before), sizeof octets_);
  }
  Flow& operator*() { return *static_cast<Flow*>(static_cast<void*>(octets_.data())); }
  /// Padding is compared, too: it is neither read nor given to anyone, but here it shows what was
  /// not written.
  bool operator==(const FlowOf& other) const { return octets_ == other.octets_; }

 private:
  alignas(Flow) std::array<std::byte, sizeof(Flow)> octets_{};
};

TEST(UsualEnd, IsReadInOneGo) {
  for (const Octets& event : {nat_tcp_event(), ipv6_event()}) {
    Flow flow;
    EXPECT_EQ(usual_end::read<false>(bytes_of(event), flow), usual_end::Found::kEnd);
    EXPECT_EQ(flow.id, 0xdeadbeefU);
    EXPECT_EQ(flow.reply_counters, (Counters{12, 15000}));
    EXPECT_FALSE(flow.present.timeout);
    EXPECT_EQ(usual_end::read<true>(bytes_of(early(event)), flow), usual_end::Found::kEnd);
    EXPECT_EQ(flow.reply_counters, (Counters{12, 15000}));
    EXPECT_TRUE(flow.present.timeout);
    EXPECT_EQ(flow.timeout, 42U);
  }
}

template <bool kEarly>
void expect_nothing_else(const Octets& event, std::size_t behind_counters) {
  Octets longer = event;
  append(longer, be32(0));
  std::vector<Octets> others{longer, with_type(event, NFNL_SUBSYS_CTNETLINK << 8), shifted(event)};
  // Whatever is cut off, until the counters are whole; times and state are not needed.
  for (std::size_t length = 0; length < event.size() - behind_counters; ++length) {
    others.push_back(cut(event, length));
    if (length >= sizeof(nlmsghdr)) {
      others.push_back(with_length(cut(event, length), static_cast<std::uint32_t>(length)));
    }
  }
  for (const Octets& other : others) {
    FlowOf before(0x5a);
    FlowOf flow(0x5a);
    EXPECT_EQ(usual_end::read<kEarly>(bytes_of(other), *flow), usual_end::Found::kOther);
    EXPECT_EQ(flow, before) << "unchanged";
  }
}

TEST(UsualEnd, IsNothingElse) {
  constexpr std::size_t kBehindTcp = 52;
  constexpr std::size_t kBehindUdp = 28;
  expect_nothing_else<false>(nat_tcp_event(), kBehindTcp);
  expect_nothing_else<false>(ipv6_event(), kBehindUdp);
  expect_nothing_else<true>(early(nat_tcp_event()), kBehindTcp);
  expect_nothing_else<true>(early(ipv6_event()), kBehindUdp);
}

/// As where net.netfilter.nf_conntrack_timestamp is off. `behind`: octets behind the counters.
Octets without_times(const Octets& event, std::size_t behind) {
  const std::size_t length = event.size() - behind;
  return with_length(cut(event, length), static_cast<std::uint32_t>(length));
}

/// Nothing of the flow before is left, whatever of it the message does not have.
TEST(UsualEnd, LeavesNothingOfTheFlowBefore) {
  const Octets events[] = {
      nat_tcp_event(),
      ipv6_event(),
      early(nat_tcp_event()),
      early(ipv6_event()),
      shifted(nat_tcp_event()),
      shifted(ipv6_event()),
      with_type(nat_tcp_event(), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW),
      without_times(nat_tcp_event(), 52),
      without_times(ipv6_event(), 28),
      destroy({nest(CTA_TUPLE_ORIG, {ipv4(kClient, kServer), ports(17, 1, 2)}),
               nest(CTA_TUPLE_REPLY, {ipv4(kServer, kClient), ports(17, 2, 1)})}),
  };
  for (const Octets& event : events) {
    FlowOf clean(0);
    FlowOf dirty(0xff);
    const DecodeResult result = decode(bytes_of(event), *clean);
    EXPECT_EQ(decode(bytes_of(event), *dirty), result);
    EXPECT_EQ(clean, dirty);
  }
}

TEST(UsualEnd, ResetsAllMembers) {
  FlowOf dirty(0xff);
  usual_end::reset_behind(*dirty);
  const Flow fresh;
  // All members: one that is missing here does not compile.
  const auto& [original, reply, original_counters, reply_counters, start, end, event_time, id,
               status, mark, timeout, port_id, original_interfaces, reply_interfaces,
               original_routing, reply_routing, initiator_origin, responder_origin, initiator_mac,
               responder_mac, user, zone, state, event, end_reason, present, earlier, removed,
               extras] = *dirty;
  EXPECT_EQ(original, fresh.original);
  EXPECT_EQ(reply, fresh.reply);
  EXPECT_EQ(original_counters, fresh.original_counters);
  EXPECT_EQ(reply_counters, fresh.reply_counters);
  EXPECT_EQ(start, fresh.start);
  EXPECT_EQ(end, fresh.end);
  EXPECT_EQ(event_time, fresh.event_time);
  EXPECT_EQ(id, fresh.id);
  EXPECT_EQ(status, fresh.status);
  EXPECT_EQ(mark, fresh.mark);
  EXPECT_EQ(timeout, fresh.timeout);
  EXPECT_EQ(port_id, fresh.port_id);
  EXPECT_EQ(original_interfaces, fresh.original_interfaces);
  EXPECT_EQ(reply_interfaces, fresh.reply_interfaces);
  EXPECT_EQ(original_routing, fresh.original_routing);
  EXPECT_EQ(reply_routing, fresh.reply_routing);
  EXPECT_EQ(initiator_origin, fresh.initiator_origin);
  EXPECT_EQ(responder_origin, fresh.responder_origin);
  EXPECT_EQ(initiator_mac, fresh.initiator_mac);
  EXPECT_EQ(responder_mac, fresh.responder_mac);
  EXPECT_EQ(user, fresh.user);
  EXPECT_EQ(user.data(), fresh.user.data());
  EXPECT_EQ(zone, fresh.zone);
  EXPECT_EQ(state, fresh.state);
  EXPECT_EQ(event, fresh.event);
  EXPECT_EQ(end_reason, fresh.end_reason);
  EXPECT_EQ(present, fresh.present);
  EXPECT_EQ(earlier, fresh.earlier);
  EXPECT_EQ(removed, fresh.removed);
  EXPECT_EQ(extras, fresh.extras);
}

TEST(UsualLayout, GivesTheSameFlowAsTheWalk) {
  EXPECT_EQ(expect_as_walked(nat_tcp_event()), DecodeResult::kFlow);
  EXPECT_EQ(expect_as_walked(ipv6_event()), DecodeResult::kFlow);
  EXPECT_EQ(expect_as_walked(early(nat_tcp_event())), DecodeResult::kFlow);
  EXPECT_EQ(expect_as_walked(early(ipv6_event())), DecodeResult::kFlow);
}

TEST(UsualLayout, GivesTheSameFlowAsTheWalkWhateverOctetIsAnother) {
  int flows = 0;
  int malformed = 0;
  for (const Octets& event :
       {nat_tcp_event(), ipv6_event(), early(nat_tcp_event()), early(ipv6_event())}) {
    for (std::size_t octet = 20; octet < event.size(); ++octet) {
      for (const unsigned bits : {0x01U, 0x04U, 0x10U, 0x80U, 0xffU}) {
        Octets changed = event;
        changed[octet] = static_cast<std::uint8_t>(changed[octet] ^ bits);
        const DecodeResult result = expect_as_walked(changed);
        flows += result == DecodeResult::kFlow ? 1 : 0;
        malformed += result == DecodeResult::kMalformed ? 1 : 0;
        if (HasFailure()) FAIL() << octet << " ^ " << bits;
      }
    }
  }
  EXPECT_GT(flows, 1000);
  EXPECT_GT(malformed, 100);
}

}  // namespace
}  // namespace ctflow
