// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_group.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "encode/ipfix.hpp"
#include "export/datagram_exporter.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMembers = 3;

class CollectorGroupTest : public testing::Test {
 protected:
  CollectorGroupTest() {
    for (std::size_t i = 0; i < kMembers; ++i) {
      CollectorConfig config;
      config.name = "collector" + std::to_string(i);
      config.sampling_options = config.statistics_options = false;
      config.flush_after = std::chrono::milliseconds(1);
      exporters_.push_back(std::make_unique<DatagramExporter>(
          config, std::make_unique<IpfixEncoder>(EncoderOptions{}),
          std::make_unique<test::FakeDatagrams>(wires_[i]), std::make_shared<OutputContext>(),
          clock_.clock()));
    }
  }

  CollectorGroup group(GroupMode mode) {
    GroupConfig config;
    config.name = "group";
    config.mode = mode;
    std::vector<Exporter*> members;
    members.reserve(kMembers);
    for (const auto& exporter : exporters_) members.push_back(exporter.get());
    return {config, members};
  }

  static Flow flow(std::uint16_t port = 1) {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original.source_port = port;
    flow.original_counters = {1, 40};
    flow.present.counters = true;
    return flow;
  }

  void offer(CollectorGroup& group, const Flow& flow) const {
    group.offer(flow, FlowKinds::of(flow), clock_.now());
  }

  std::uint64_t offered(std::size_t member) const { return exporters_[member]->counters().offered; }

  /// All that `member` was given is lost.
  void flush_and_lose(std::size_t member) {
    wires_[member].answer = SendResult::lost(LossReason::kSendError);
    exporters_[member]->flush();
  }

  /// Two messages of `member` fail, one after the other.
  void break_member(CollectorGroup& group, std::size_t member) {
    for (int i = 0; i < 2; ++i) {
      offer(group, flow());
      flush_and_lose(member);
    }
  }

  test::FakeClock clock_;
  std::array<test::FakeWire, kMembers> wires_;
  std::vector<std::unique_ptr<DatagramExporter>> exporters_;
};

TEST_F(CollectorGroupTest, FailoverGivesEverythingToTheFirst) {
  CollectorGroup failover = group(GroupMode::kFailover);
  for (std::uint16_t port = 1; port <= 10; ++port) offer(failover, flow(port));
  EXPECT_EQ(offered(0), 10U);
  EXPECT_EQ(offered(1) + offered(2), 0U);
}

TEST_F(CollectorGroupTest, FailoverTakesTheNextWhenSendingFailedTwice) {
  CollectorGroup failover = group(GroupMode::kFailover);
  break_member(failover, 0);
  EXPECT_EQ(exporters_[0]->counters().lost_send_error, 2U);
  offer(failover, flow());
  EXPECT_EQ(offered(1), 1U);
  EXPECT_EQ(failover.active().name(), "collector1");
  EXPECT_EQ(failover.switches(), 1U);
}

TEST_F(CollectorGroupTest, FailoverTellsTemplatesFirstToWhoeverTakesOver) {
  CollectorGroup failover = group(GroupMode::kFailover);
  exporters_[1]->tick();  // got the templates at start, which may be lost
  wires_[1].messages.clear();
  break_member(failover, 0);
  offer(failover, flow());
  exporters_[1]->flush();
  ASSERT_EQ(wires_[1].messages.size(), 1U);
  EXPECT_EQ(wires_[1].messages[0].at(17), std::byte{2}) << "a Template Set comes first";
}

TEST_F(CollectorGroupTest, FailoverTurnsBackWhenNothingFailedForAWhile) {
  CollectorGroup failover = group(GroupMode::kFailover);
  break_member(failover, 0);
  wires_[0].answer = SendResult::sent();
  for (int second = 0; second < 29; ++second) {
    clock_.advance(seconds(1));
    failover.tick(clock_.now());
    exporters_[0]->tick();
  }
  offer(failover, flow());
  EXPECT_EQ(offered(1), 1U) << "not yet";
  EXPECT_GT(wires_[0].messages.size(), 3U) << "it is tried meanwhile";
  clock_.advance(seconds(2));
  failover.tick(clock_.now());
  offer(failover, flow());
  EXPECT_EQ(failover.active().name(), "collector0");
}

TEST_F(CollectorGroupTest, FailoverStaysAwayFromACollectorThatRefusesItsProbes) {
  CollectorGroup failover = group(GroupMode::kFailover);
  break_member(failover, 0);
  for (int second = 0; second < 120; ++second) {
    clock_.advance(seconds(1));
    failover.tick(clock_.now());
    exporters_[0]->tick();
    EXPECT_FALSE(exporters_[0]->healthy());
  }
}

TEST_F(CollectorGroupTest, FailoverNoticesRefusals) {
  CollectorGroup failover = group(GroupMode::kFailover);
  for (int i = 0; i < 2; ++i) {
    offer(failover, flow());
    exporters_[0]->flush();
    ++wires_[0].refusals;
    clock_.advance(seconds(1));
    failover.tick(clock_.now());
  }
  offer(failover, flow());
  EXPECT_EQ(failover.active().name(), "collector1");
}

TEST_F(CollectorGroupTest, FailoverNoticesALostConnection) {
  CollectorGroup failover = group(GroupMode::kFailover);
  wires_[0].connected = false;
  failover.tick(clock_.now());
  offer(failover, flow());
  EXPECT_EQ(offered(1), 1U);
}

TEST_F(CollectorGroupTest, FailoverUsesTheFirstWhenAllAreDown) {
  CollectorGroup failover = group(GroupMode::kFailover);
  for (test::FakeWire& wire : wires_) wire.connected = false;
  failover.tick(clock_.now());
  offer(failover, flow());
  EXPECT_EQ(offered(0), 1U);
}

TEST_F(CollectorGroupTest, BalanceGivesAConnectionAlwaysToTheSameMember) {
  CollectorGroup balance = group(GroupMode::kBalance);
  for (int i = 0; i < 10; ++i) offer(balance, flow(7));
  EXPECT_TRUE(offered(0) == 10 || offered(1) == 10 || offered(2) == 10);
}

TEST_F(CollectorGroupTest, BalanceGivesEachAFairShare) {
  CollectorGroup balance = group(GroupMode::kBalance);
  constexpr std::uint16_t kFlows = 3000;
  for (std::uint16_t port = 1; port <= kFlows; ++port) offer(balance, flow(port));
  for (std::size_t i = 0; i < kMembers; ++i)
    EXPECT_NEAR(static_cast<double>(offered(i)), 1000, 150) << i;
}

TEST_F(CollectorGroupTest, BalanceMovesOnlyTheConnectionsOfAMemberThatFails) {
  CollectorGroup balance = group(GroupMode::kBalance);
  const auto members = [&] {
    std::map<std::uint16_t, std::size_t> result;
    for (std::uint16_t port = 1; port <= 300; ++port) {
      std::array<std::uint64_t, kMembers> before{offered(0), offered(1), offered(2)};
      offer(balance, flow(port));
      for (std::size_t i = 0; i < kMembers; ++i) {
        if (offered(i) != before[i]) result[port] = i;
      }
    }
    return result;
  };
  const auto with_all = members();
  wires_[1].connected = false;
  balance.tick(clock_.now());
  const auto without = members();
  for (const auto& [port, member] : with_all) {
    if (member == 1) {
      EXPECT_NE(without.at(port), 1U) << port;
    } else {
      EXPECT_EQ(without.at(port), member) << port;
    }
  }
  wires_[1].connected = true;
  clock_.advance(seconds(31));
  balance.tick(clock_.now());
  EXPECT_EQ(members(), with_all);
}

TEST_F(CollectorGroupTest, DoesNotOfferUncountedConnectionsToCollectorsOfCounters) {
  CollectorGroup failover = group(GroupMode::kFailover);
  Flow uncounted = flow();
  uncounted.present.counters = false;
  offer(failover, uncounted);
  EXPECT_EQ(offered(0), 0U);
}

}  // namespace
}  // namespace ctflow
