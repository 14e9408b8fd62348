// SPDX-License-Identifier: GPL-2.0-or-later
// An exporter of NetFlow v5: no templates, no options, and what it cannot express is counted.
#include <gtest/gtest.h>

#include <utility>

#include "encode/netflow5.hpp"
#include "export/datagram_exporter.hpp"
#include "support/fakes.hpp"
#include "support/sample_flows.hpp"

namespace ctflow {
namespace {

class Netflow5ExporterTest : public testing::Test {
 protected:
  std::unique_ptr<DatagramExporter> make() {
    CollectorConfig config;
    config.protocol = Protocol::kNetflow5;
    return std::make_unique<DatagramExporter>(
        config, std::make_unique<Netflow5Encoder>(EncoderOptions{}, test::kSampleBoot),
        std::make_unique<test::FakeDatagrams>(wire_), std::make_shared<OutputContext>(),
        clock_.clock());
  }
  static Flow flow_of(AddressFamily family) {
    Flow flow;
    flow.original.family = flow.reply.family = family;
    flow.original.protocol = 17;
    flow.original_counters = {3, 300};
    flow.reply_counters = {2, 200};
    flow.present.counters = true;
    return flow;
  }

  test::FakeClock clock_;
  test::FakeWire wire_;
};

TEST_F(Netflow5ExporterTest, SendsNothingBesideFlowRecords) {
  const auto exporter = make();
  exporter->tick();
  clock_.advance(std::chrono::hours(1));
  exporter->tick();
  exporter->flush();
  EXPECT_TRUE(wire_.messages.empty());
  EXPECT_EQ(exporter->deadline(), MonoTime::max());
}

// Else a collector of a group that is still down would get flow reports after failback_after.
TEST_F(Netflow5ExporterTest, ProbesACollectorThatIsDownByEmptyDatagrams) {
  const auto exporter = make();
  exporter->watch_health(std::chrono::seconds(30));
  for (int i = 0; i < 2; ++i) {
    ++wire_.refusals;
    exporter->check_health(clock_.now());
  }
  ASSERT_FALSE(exporter->healthy());
  for (int second = 0; second < 60; ++second) {
    clock_.advance(std::chrono::seconds(1));
    if (std::exchange(wire_.messages, {}).size() == 1) ++wire_.refusals;
    exporter->check_health(clock_.now());
    EXPECT_FALSE(exporter->healthy()) << "second " << second;
    for (const auto& message : wire_.messages) EXPECT_TRUE(message.empty());
  }
  EXPECT_EQ(exporter->counters().messages, 0U);
  for (int second = 0; second < 31; ++second) {
    clock_.advance(std::chrono::seconds(1));
    exporter->check_health(clock_.now());
  }
  EXPECT_TRUE(exporter->healthy());
}

TEST_F(Netflow5ExporterTest, CountsWhatItCannotExpress) {
  const auto exporter = make();
  exporter->take(flow_of(AddressFamily::kIpv6), clock_.now());
  exporter->take(flow_of(AddressFamily::kIpv4), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(wire_.messages[0].size(), 24U + 2 * 48);
  const ExporterCounters& all = exporter->counters();
  EXPECT_EQ(all.offered, 2U);
  EXPECT_EQ(all.flows, 1U);
  EXPECT_EQ(all.unrepresentable, 1U);
  EXPECT_EQ(all.unrepresentable_packets, 5U);
  EXPECT_EQ(all.unrepresentable_octets, 500U);
  EXPECT_EQ(all.lost(), 0U);
}

TEST_F(Netflow5ExporterTest, SendsAllOfAFlowReportThatNeedsManyDatagrams) {
  const auto exporter = make();
  Flow flow = flow_of(AddressFamily::kIpv4);
  constexpr std::uint64_t kOctets = std::uint64_t{100} << 32;
  flow.original_counters = {1'000'000'000, kOctets};
  exporter->take(flow, clock_.now());
  exporter->flush();
  EXPECT_GE(wire_.messages.size(), 4U);
  EXPECT_EQ(exporter->counters().flows, 1U);
  EXPECT_EQ(exporter->counters().octets, kOctets + 200);
  EXPECT_EQ(exporter->counters().packets, 1'000'000'002U);
}

}  // namespace
}  // namespace ctflow
