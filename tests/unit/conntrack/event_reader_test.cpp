// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/event_reader.hpp"

#include <gtest/gtest.h>

#include "support/event_builder.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

class EventReaderTest : public testing::Test {
 protected:
  void read(const test::Octets& octets) {
    reader_.on_datagram(std::as_bytes(std::span(octets)), now());
  }

  [[nodiscard]] Instant now() const { return {event_time_, kBegan}; }

  static constexpr LiveConnections::Steady kBegan{std::chrono::seconds(5000)};
  TimePoint event_time_{std::chrono::nanoseconds(test::kStart + 126 * test::kSecond)};
  test::FakeSink sink_;
  SourceCounters counters_;
  Reading reading_{sink_, counters_, SourceConfig{}, Instant{{}, kBegan}};
  EventReader reader_{reading_};
};

TEST_F(EventReaderTest, CompletesTheFlow) {
  read(test::nat_tcp_event());
  ASSERT_EQ(sink_.flows.size(), 1U);
  const Flow& flow = sink_.flows[0];
  EXPECT_EQ(flow.event_time, event_time_);
  EXPECT_EQ(flow.end_reason, EndReason::kEndOfFlow);
  EXPECT_EQ(flow.end, flow.start + std::chrono::seconds(5)) << "125 s less 120 s of TIME_WAIT";
  EXPECT_EQ(counters_.ended, 1U);
  EXPECT_EQ(counters_.end_from_timeout, 1U);
}

TEST_F(EventReaderTest, UsesTheTimeoutsItWasGivenLast) {
  TimeoutsRead given;
  given.values.tcp[7] = std::chrono::seconds(100);
  reading_.timeouts.observe(given, event_time_);
  read(test::nat_tcp_event());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].end, sink_.flows[0].start + std::chrono::seconds(25));
}

TEST_F(EventReaderTest, ReadsAllMessagesOfADatagram) {
  test::Octets datagram = test::nat_tcp_event(1);
  test::append(datagram, test::message(IPCTNL_MSG_CT_NEW, {}));
  test::append(datagram, test::nat_tcp_event(2));
  read(datagram);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original.source_port, 2);
  EXPECT_EQ(counters_.messages, 3U);
  EXPECT_EQ(counters_.ignored, 1U);
}

TEST_F(EventReaderTest, DropsAndCountsAMalformedMessageAndGoesOn) {
  test::Octets datagram = test::destroy({test::attribute(CTA_ID, test::be32(1))});
  test::append(datagram, test::nat_tcp_event());
  read(datagram);
  EXPECT_EQ(counters_.malformed, 1U);
  EXPECT_EQ(sink_.flows.size(), 1U);
}

TEST_F(EventReaderTest, CountsADatagramThatEndsInTheMiddle) {
  test::Octets datagram = test::nat_tcp_event();
  datagram.resize(datagram.size() - 4);
  read(datagram);
  EXPECT_EQ(counters_.malformed, 1U);
  EXPECT_TRUE(sink_.flows.empty());
}

TEST_F(EventReaderTest, ExportsOfALivingConnectionWhatIsNew) {
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, 1 * test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, 1 * test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 25, 2500, 3 * test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_DELETE, 26, 2600, 4 * test::kSecond));
  ASSERT_EQ(sink_.flows.size(), 3U);
  EXPECT_EQ(sink_.flows[0].end_reason, EndReason::kActiveTimeout);
  EXPECT_EQ(sink_.flows[1].forward, (Counters{15, 1500}));
  EXPECT_EQ(sink_.flows[1].start, sink_.flows[0].end);
  EXPECT_EQ(sink_.flows[2].forward, (Counters{1, 100}));
  EXPECT_EQ(sink_.flows[2].end_reason, EndReason::kIdleTimeout);
  EXPECT_EQ(counters_.reports, 3U);
  EXPECT_EQ(counters_.reports_skipped, 1U);
  EXPECT_EQ(counters_.ended, 1U);
  EXPECT_EQ(counters_.end_from_packets, 4U);
}

TEST_F(EventReaderTest, ExportsNoRecordOfAnEndThatTellsNothingNew) {
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_DELETE, 10, 1000, test::kSecond));
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(counters_.already_reported, 1U);
}

TEST_F(EventReaderTest, KeepsTheCountersOfConntrackIfAsked) {
  reading_.wire_counters = false;
  const test::Octets event = test::measured_event(IPCTNL_MSG_CT_DELETE, 10, 1000, test::kSecond);
  reader_.on_datagram(std::as_bytes(std::span(event)), now());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].forward, (Counters{1, 1}));
}

TEST_F(EventReaderTest, TellsOfBeginningsAndOfEveryEndIfAsked) {
  const test::StockConnection connection{.forward_packets = 2};
  const test::Octets created =
      test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL});
  read(created);
  EXPECT_TRUE(sink_.flows.empty()) << "nobody asked";
  EXPECT_EQ(counters_.ignored, 1U);
  reading_.sessions = true;
  read(created);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kCreated);
  EXPECT_EQ(sink_.flows[0].event_time, event_time_);
  EXPECT_EQ(counters_.created, 1U);
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_DELETE, 10, 1000, test::kSecond));
  ASSERT_EQ(sink_.flows.size(), 3U);
  EXPECT_EQ(sink_.flows[2].event, FlowEvent::kEndedBefore);
  EXPECT_EQ(counters_.already_reported, 0U);
}

TEST_F(EventReaderTest, PassesTheEndOfABatchOn) {
  reader_.on_batch_end();
  EXPECT_EQ(sink_.batch_ends, 1);
}

class SkippingTest : public EventReaderTest {
 protected:
  SkippingTest() {
    reading_.skips_existing = true;
    reading_.opened = event_time_;  // the connection began before
  }
};

TEST_F(SkippingTest, LeavesOutAConnectionThatBeganBeforeAndWasNotAdopted) {
  read(test::nat_tcp_event());
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.existing_skipped, 1U);
  EXPECT_GT(counters_.ignored_packets, 0U);
  EXPECT_GT(counters_.ignored_octets, counters_.ignored_packets);
}

TEST_F(SkippingTest, StillTellsThatItEndedWhereSessionsAreWanted) {
  reading_.sessions = true;
  read(test::nat_tcp_event());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kEndedBefore);
  EXPECT_EQ(counters_.existing_skipped, 0U);
  EXPECT_GT(counters_.ignored_packets, 0U);
}

}  // namespace
}  // namespace ctflow
