// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_reader.hpp"

#include <gtest/gtest.h>

#include "conntrack/flow/decode.hpp"
#include "conntrack/flow/end_of_flow.hpp"
#include "ctflow/clock.hpp"
#include "extras/find_extras.hpp"
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

  static constexpr MonoTime kBegan{std::chrono::seconds(5000)};
  TimePoint event_time_{std::chrono::nanoseconds(test::kStart + 126 * test::kSecond)};
  test::FakeSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, SourceConfig{}, Instant{{}, kBegan}};
  EventReader reader_{assembler_};
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
  assembler_.timeouts.observe(given, event_time_);
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
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{15, 1500}));
  EXPECT_EQ(sink_.flows[1].start, sink_.flows[0].end);
  EXPECT_EQ(sink_.flows[2].original_counters, (Counters{1, 100}));
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
  SourceConfig config;
  config.wire_counters = false;
  const auto extras = recorded_extras(config);
  assembler_.extras = extras.get();
  const test::Octets event = test::measured_event(IPCTNL_MSG_CT_DELETE, 10, 1000, test::kSecond);
  reader_.on_datagram(std::as_bytes(std::span(event)), now());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{1, 1}));
}

TEST_F(EventReaderTest, TellsOfBeginningsAndOfEveryEndIfAsked) {
  const test::StockConnection connection{.original_packets = 2};
  const test::Octets created =
      test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL});
  read(created);
  EXPECT_TRUE(sink_.flows.empty()) << "nobody asked";
  EXPECT_EQ(counters_.ignored, 1U);
  assembler_.nat_events = true;
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

TEST_F(EventReaderTest, TellsOfEveryEndWithoutBeginningsIfAsked) {
  assembler_.every_end = true;
  const test::StockConnection connection{.original_packets = 2};
  read(test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                        offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL}));
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.ignored, 1U);
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, test::kSecond));
  read(test::measured_event(IPCTNL_MSG_CT_DELETE, 10, 1000, test::kSecond));
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].event, FlowEvent::kEndedBefore);
  EXPECT_EQ(counters_.already_reported, 0U);
}

TEST_F(EventReaderTest, ExportsAnEndOnceHoweverOftenTheKernelSendsIt) {
  for (int i = 0; i < 5; ++i) read(test::nat_tcp_event());
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(counters_.ended, 5U);
  EXPECT_EQ(counters_.repeated, 4U);
}

TEST_F(EventReaderTest, ExportsASuccessorWithTheSameTupleAndIdentifier) {
  test::StockConnection connection{.original_packets = 2};
  read(test::stock_end(connection, test::kStart + test::kSecond));
  connection.start += 1;  // nanosecond
  read(test::stock_end(connection, test::kStart + 2 * test::kSecond));
  EXPECT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(counters_.repeated, 0U);
}

/// The identifier is a hash of the entry's address in memory: an entry that is made anew at once
/// with the same tuple often has the same.
TEST_F(EventReaderTest, WithoutTimestampsTakesNoSuccessorForARepeatUnlessThereAreRepeats) {
  test::StockConnection connection{.original_packets = 2, .start = 0};
  for (int i = 0; i < 3; ++i) read(test::stock_end(connection, 0));
  EXPECT_EQ(sink_.flows.size(), 3U);
  assembler_.repeats_expected = true;
  read(test::stock_end(connection, 0));
  EXPECT_EQ(sink_.flows.size(), 3U);
  EXPECT_EQ(counters_.repeated, 1U);
  connection.original_packets = 3;
  read(test::stock_end(connection, 0));
  EXPECT_EQ(sink_.flows.size(), 4U) << "it counted something else";
}

TEST_F(EventReaderTest, ExportsARepeatedEndOfWhichItHadReportedAPartOnce) {
  read(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, 1 * test::kSecond));
  assembler_.repeats_expected = true;  // measured_event() has no start
  for (int i = 0; i < 3; ++i) {
    read(test::measured_event(IPCTNL_MSG_CT_DELETE, 26, 2600, 4 * test::kSecond));
  }
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{16, 1600}));
  EXPECT_EQ(counters_.repeated, 2U);
}

TEST_F(EventReaderTest, TellsBeginningsAndEndsOfSessionsOnce) {
  assembler_.nat_events = true;
  const test::StockConnection connection{.original_packets = 2};
  const test::Octets created =
      test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL});
  for (int i = 0; i < 3; ++i) read(created);
  for (int i = 0; i < 3; ++i) read(test::stock_end(connection, test::kStart + test::kSecond));
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kCreated);
  EXPECT_EQ(sink_.flows[1].event, FlowEvent::kEnded);
  EXPECT_EQ(counters_.repeated, 4U);
  read(created);
  EXPECT_EQ(sink_.flows.size(), 3U) << "a successor";
}

// With reliable delivery the kernel keeps ends for which there is no room, but sends a beginning
// again only with a next packet.
TEST_F(EventReaderTest, MakesABeginningThatDidNotComeWhenItsConnectionEnds) {
  assembler_.nat_events = true;
  assembler_.beginnings_since = TimePoint(std::chrono::nanoseconds(test::kStart));
  const test::StockConnection connection{.original_packets = 2};
  const test::Octets end = test::stock_end(connection, test::kStart + test::kSecond);
  counters_.retried = 1;
  for (int i = 0; i < 2; ++i) read(end);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kCreated);
  EXPECT_EQ(sink_.flows[0].event_time, sink_.flows[1].start);
  EXPECT_FALSE(sink_.flows[0].present.counters);
  EXPECT_EQ(sink_.flows[0].original, sink_.flows[1].original);
  EXPECT_EQ(sink_.flows[1].event, FlowEvent::kEnded);
  EXPECT_EQ(happened_at(sink_.flows[1]), sink_.flows[0].event_time + std::chrono::seconds(1));
}

TEST_F(EventReaderTest, MakesNoBeginningThatCameOrWasNotListenedTo) {
  assembler_.nat_events = true;
  test::StockConnection connection{.original_packets = 2};
  assembler_.beginnings_since = TimePoint(std::chrono::nanoseconds(test::kStart + 1));
  counters_.retried = 1;
  read(test::stock_end(connection, test::kStart + test::kSecond));
  EXPECT_EQ(sink_.flows.size(), 1U) << "it began before";
  connection.start += 2;
  counters_.retried = 0;
  read(test::stock_end(connection, test::kStart + test::kSecond));
  EXPECT_EQ(sink_.flows.size(), 2U) << "nothing was missed";
  connection.start += 2;
  counters_.retried = 1;
  read(test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                        offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL}));
  read(test::stock_end(connection, test::kStart + test::kSecond));
  EXPECT_EQ(sink_.flows.size(), 4U) << "it came";
}

TEST_F(EventReaderTest, TakesABeginningForNoRepeatWhereTheEndBeforeItMayHaveBeenLost) {
  assembler_.nat_events = true;
  const test::Octets created =
      test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, {.original_packets = 2}, {}),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL});
  read(created);
  ++counters_.overruns;
  for (int i = 0; i < 2; ++i) read(created);
  EXPECT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(counters_.repeated, 1U);
}

TEST_F(EventReaderTest, TakesTheEndOfWhatBeganSinceForNoRepeat) {
  assembler_.nat_events = true;
  assembler_.repeats_expected = true;
  const test::StockConnection connection{.original_packets = 2, .start = 0};
  const test::Octets created =
      test::with_field(test::stock_message(IPCTNL_MSG_CT_NEW, connection, {}),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_CREATE | NLM_F_EXCL});
  for (int i = 0; i < 2; ++i) {
    read(created);
    for (int repeat = 0; repeat < 2; ++repeat) read(test::stock_end(connection, 0));
  }
  EXPECT_EQ(sink_.flows.size(), 4U);
  EXPECT_EQ(counters_.repeated, 2U);
}

TEST_F(EventReaderTest, ExportsNoRecordOfAConnectionWithoutPackets) {
  read(test::stock_end({}, test::kStart + test::kSecond));
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.ended_empty, 1U);
  EXPECT_EQ(counters_.counters_fell, 0U) << "somebody may have put it into the table";
}

TEST_F(EventReaderTest, TellsThatAConnectionWithoutPacketsEndedWhereSessionsAreWanted) {
  assembler_.nat_events = true;
  read(test::stock_end({}, test::kStart + test::kSecond));
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kEndedBefore);
  EXPECT_EQ(counters_.ended_empty, 0U);
}

TEST_F(EventReaderTest, AfterAFallEndsWithoutPacketsAreTakenForFallen) {
  test::StockConnection connection{.original_packets = 9};
  const test::Octets entry = test::table_entry(connection);
  Flow flow;
  ASSERT_EQ(decode(std::as_bytes(std::span(entry)), flow), DecodeResult::kEntry);
  assembler_.reported.report(assembler_.identify(flow, now()), flow, now());
  connection.original_packets = 1;
  read(test::stock_end(connection, test::kStart + test::kSecond));
  assembler_.watch_counters(now());
  EXPECT_EQ(counters_.counters_fell, 1U);
  connection.start += 1;
  connection.original_packets = 0;
  read(test::stock_end(connection, test::kStart + test::kSecond));
  EXPECT_EQ(counters_.ended_empty, 1U);
  EXPECT_EQ(counters_.counters_fell, 2U);
}

TEST_F(EventReaderTest, ReadsAnEndFromTheDyingListUnlessItWasReadBefore) {
  const test::StockConnection connection{.original_packets = 2};
  const test::Octets waiting = test::with_field(
      test::stock_message(IPCTNL_MSG_CT_NEW, connection,
                          test::attribute(CTA_TIMESTAMP_STOP, test::be64(test::kStart + 1))),
      offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_MULTI});
  for (int i = 0; i < 3; ++i) {
    reader_.on_undelivered_end(std::as_bytes(std::span(waiting)), now());
  }
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kEnded);
  EXPECT_EQ(sink_.flows[0].original_counters.packets, 2U);
  EXPECT_EQ(counters_.ended, 1U);
  read(test::stock_end(connection, test::kStart + 1));
  EXPECT_EQ(sink_.flows.size(), 1U) << "the same end, delivered after all";
  EXPECT_EQ(counters_.repeated, 1U);
}

TEST_F(EventReaderTest, AnEndFromTheDyingListWithNoTimeLeftExpired) {
  test::StockConnection connection{.original_packets = 2};
  connection.timeout = 0;
  const test::Octets entry = test::table_entry(connection);
  reader_.on_undelivered_end(std::as_bytes(std::span(entry)), now());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].end_reason, EndReason::kIdleTimeout);
  EXPECT_FALSE(may_be_dropped_early(sink_.flows[0]));
}

/// The datagrams of a batch have the time at which it was received: handling one of them may take
/// long, which is no step of the clock.
TEST_F(EventReaderTest, ADelayInABatchIsNoStepOfTheClock) {
  ClockSteps::Reading clocks{event_time_, std::chrono::seconds(1000)};
  ClockSteps steps([&] { return clocks; });
  assembler_.clock_steps = &steps;
  const auto pass = [&](std::chrono::seconds time) {
    clocks.wall += time;
    clocks.boot += time;
  };
  read(test::nat_tcp_event(1));
  pass(std::chrono::seconds(5));
  read(test::nat_tcp_event(2));
  pass(std::chrono::seconds(5));
  const test::Octets later = test::nat_tcp_event(3);
  reader_.on_datagram(std::as_bytes(std::span(later)),
                      Instant{clocks.wall, kBegan + std::chrono::seconds(10)});
  EXPECT_EQ(steps.total().count(), 0);
  EXPECT_EQ(assembler_.opened, TimePoint{});
  ASSERT_EQ(sink_.flows.size(), 3U);
  EXPECT_EQ(sink_.flows[2].start, sink_.flows[0].start);
}

TEST_F(EventReaderTest, AReportThatTheEndOvertookIsNoNewConnection) {
  test::StockConnection connection{.original_packets = 2};
  read(test::stock_end(connection, test::kStart + 1));
  const test::Octets flow_nest =
      test::nest(CTA_FLOW, {test::attribute(CTA_FLOW_VERSION, test::be8(CTA_FLOW_VERSION_1))});
  test::Octets late = test::stock_message(IPCTNL_MSG_CT_NEW, connection, {});
  test::append(late, flow_nest);
  read(test::with_length(late, static_cast<std::uint32_t>(late.size())));
  EXPECT_EQ(counters_.reports, 1U);
  EXPECT_EQ(counters_.reports_skipped, 1U);
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(assembler_.reported.size(), 0U);
}

TEST_F(EventReaderTest, PassesTheEndOfABatchOn) {
  reader_.on_batch_end();
  EXPECT_EQ(sink_.batch_ends, 1);
}

class SkippingTest : public EventReaderTest {
 protected:
  SkippingTest() {
    assembler_.skips_existing = true;
    assembler_.opened = event_time_;  // the connection began before
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
  assembler_.nat_events = true;
  read(test::nat_tcp_event());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kEndedBefore);
  EXPECT_EQ(counters_.existing_skipped, 0U);
  EXPECT_GT(counters_.ignored_packets, 0U);
}

}  // namespace
}  // namespace ctflow
