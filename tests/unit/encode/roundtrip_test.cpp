// SPDX-License-Identifier: GPL-2.0-or-later
// Random flows of every kind, in random messages, through both encoders and the strict parser.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <tuple>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

class Roundtrip : public ::testing::TestWithParam<std::tuple<Protocol, bool, unsigned>> {
 protected:
  template <typename Number>
  Number any() {
    return static_cast<Number>(std::uniform_int_distribution<std::uint64_t>{
        0, std::numeric_limits<Number>::max()}(random_));
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>{low, high}(random_);
  }
  /// Numbers of every magnitude, the extremes included.
  std::uint64_t counter() { return any<std::uint64_t>() >> static_cast<unsigned>(between(0, 63)); }

  IpAddress address(AddressFamily family) {
    IpAddress address;
    const auto size = family == AddressFamily::kIpv4 ? 4 : 16;
    std::generate_n(address.octets.begin(), size, [this] { return any<std::uint8_t>(); });
    return address;
  }

  Tuple tuple(AddressFamily family, std::uint8_t protocol, bool icmp) {
    Tuple tuple = tuple_of(family, protocol, address(family), address(family));
    if (icmp) {
      return icmp_of(tuple, any<std::uint8_t>(), any<std::uint8_t>(), any<std::uint16_t>());
    }
    tuple.source_port = any<std::uint16_t>();
    tuple.destination_port = any<std::uint16_t>();
    return tuple;
  }

  Flow flow(TimePoint now) {
    constexpr std::array<std::uint8_t, 9> kProtocols{6, 17, 132, 33, 136, 47, 50, 0, 255};
    const bool v4 = between(0, 1) == 0;
    const bool icmp = between(0, 3) == 0;
    const auto family = v4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    const auto protocol = icmp ? static_cast<std::uint8_t>(v4 ? 1 : 58)
                               : kProtocols.at(static_cast<std::size_t>(between(0, 8)));
    Flow made;
    made.original = tuple(family, protocol, icmp);
    made.status = any<std::uint32_t>();
    // NAT64 without a reply where it is ICMP: which type that record would carry is undecided.
    const bool nat64 = !v4 && translated(made) && between(0, 2) == 0;
    const bool icmp64 = nat64 && icmp;
    made.reply = nat64 ? tuple(AddressFamily::kIpv4, icmp ? 1 : protocol, icmp)
                       : tuple(family, protocol, icmp);
    made.original.zone = any<std::uint16_t>();
    made.reply.zone = any<std::uint16_t>();
    made.zone = any<std::uint16_t>();
    made.original_counters = {.packets = counter(), .octets = counter()};
    if (!icmp64 && between(0, 3) != 0) {
      // The kernel never counts octets without a packet.
      made.reply_counters = {.packets = std::max<std::uint64_t>(counter(), 1), .octets = counter()};
    }
    made.end = now - std::chrono::nanoseconds(between(0, 600'000'000'000));
    made.start = made.end - std::chrono::nanoseconds(between(0, 600'000'000'000));
    made.event_time = now;
    made.id = any<std::uint32_t>();
    made.mark = any<std::uint32_t>();
    made.timeout = any<std::uint32_t>();
    made.port_id = any<std::uint32_t>();
    made.original_interfaces = {any<std::uint32_t>(), any<std::uint32_t>()};
    made.reply_interfaces = {any<std::uint32_t>(), any<std::uint32_t>()};
    made.end_reason = static_cast<EndReason>(between(1, 5));
    return made;
  }

  Protocol protocol_ = std::get<0>(GetParam());
  bool zones_ = std::get<1>(GetParam());
  // A fixed seed: a failure repeats.
  std::mt19937 random_{std::get<2>(GetParam())};  // NOLINT(cert-msc51-cpp): determinism is wanted
};

INSTANTIATE_TEST_SUITE_P(
    Seeds, Roundtrip,
    ::testing::Combine(::testing::Values(Protocol::kIpfix, Protocol::kNetflow9), ::testing::Bool(),
                       ::testing::Values(1U, 20231114U, 0xC0FFEEU)),
    [](const auto& tested) {
      return fmt::format("{}{}Seed{}",
                         std::get<0>(tested.param) == Protocol::kIpfix ? "Ipfix" : "Netflow9",
                         std::get<1>(tested.param) ? "WithZones" : "", std::get<2>(tested.param));
    });

TEST_P(Roundtrip, EveryValueOfEveryFlowComesBackExactly) {
  const auto encoder = make_encoder(protocol_, zones_);
  MessageParser parser = informed_parser(protocol_, zones_);
  TimePoint now = kSampleNow;
  std::uint64_t records = 0;
  for (int round = 0; round < 400; ++round) {
    now += std::chrono::nanoseconds(between(0, 5'000'000'000));
    const auto size = static_cast<std::size_t>(between(512, 3000));
    Bytes buffer = fresh_buffer(size);
    encoder->begin(buffer);
    std::vector<Flow> flows;
    const auto wanted = between(1, 40);
    for (std::int64_t i = 0; i < wanted; ++i) {
      const Flow next = flow(now);
      if (!encoder->add(next)) {
        break;
      }
      flows.push_back(next);
    }
    ASSERT_FALSE(flows.empty());
    const MessageContent content = encoder->content();
    const ParsedMessage message = parser.parse(encoder->finish(now));
    ASSERT_LE(message.length, size);
    ASSERT_EQ(texts_of(message), expected_of(flows, protocol_, zones_)) << "message " << round;
    ASSERT_EQ(message.sequence,
              protocol_ == Protocol::kIpfix ? records : static_cast<std::uint64_t>(round));
    records += message.records().size();
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;
    for (const ParsedRecord& record : message.records()) {
      packets += record.number(2);
      octets += record.number(1);
    }
    ASSERT_EQ(content.flows, flows.size());
    ASSERT_EQ(content.data_records, message.records().size());
    ASSERT_EQ(content.packets, packets);
    ASSERT_EQ(content.octets, octets);
  }
}

// The wall clock wanders, as without a clock of its own; every flow lies between the base and now.
TEST_P(Roundtrip, TimesComeBackExactlyWhereverTheClockSteps) {
  const auto encoder = make_encoder(protocol_, zones_);
  MessageParser parser = informed_parser(protocol_, zones_);
  TimePoint now = kSampleNow;
  std::uint32_t sys_up_time = 0;
  for (int round = 0; round < 400; ++round) {
    const std::int64_t hour = 3'600'000'000'000;  // in nanoseconds
    const std::int64_t year = 8760 * hour;
    now += std::chrono::nanoseconds(between(0, 9) == 0 ? between(-year, year) : between(0, hour));
    now = std::clamp(now, at_ms(1'000'000'000'000), at_ms(4'000'000'000'000));
    const std::vector<Flow> flows{flow(now), flow(now)};
    const ParsedMessage message = parser.parse(encode_flows(*encoder, flows, now));
    ASSERT_EQ(texts_of(message), expected_of(flows, protocol_, zones_)) << "message " << round;
    ASSERT_GE(message.sys_up_time, sys_up_time);
    sys_up_time = message.sys_up_time;
  }
}

}  // namespace
}  // namespace ctflow::test
