// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/scan_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "conntrack/events/event_reader.hpp"
#include "ctflow/clock.hpp"
#include "support/event_builder.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::StockConnection;

constexpr MonoTime kBegan{seconds(5000)};
constexpr milliseconds kActiveTimeout = seconds(60);

class ScanReaderTest : public testing::Test {
 protected:
  ScanReaderTest() {
    table_.scan_ended = [this](bool complete) { complete_ = complete; };
    table_.begin_scan(ScanReader::Purpose::kReport, true);
  }

  [[nodiscard]] static Instant at(int second) {
    return {TimePoint(std::chrono::nanoseconds(test::kStart)) + seconds(second),
            kBegan + seconds(second)};
  }
  void visit(const StockConnection& connection, int second) {
    const test::Octets octets = test::table_entry(connection);
    table_.on_entry(std::as_bytes(std::span(octets)), Written{at(second), at(second)});
  }
  void end(const StockConnection& connection, int second) {
    const test::Octets octets = test::stock_end(
        connection, test::kStart + static_cast<std::uint64_t>(second) * test::kSecond);
    events_.on_datagram(std::as_bytes(std::span(octets)), at(second));
  }
  void next_scan() { table_.begin_scan(ScanReader::Purpose::kReport, true); }
  std::uint64_t sweep() {
    std::uint64_t vanished = 0;
    EXPECT_EQ(assembler_.reported.forget_vanished(0, 1 << 20, assembler_.reported.scan(), vanished,
                                                  [](const ReportedConnection&) {}),
              ReportedMap::kSwept);
    return vanished;
  }

  StockConnection connection_{.original_packets = 5, .reply_packets = 3};
  test::FakeSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, SourceConfig{}, Instant{{}, kBegan}};
  EventReader events_{assembler_};
  ScanReader table_{assembler_, kActiveTimeout};
  bool complete_ = false;
};

TEST_F(ScanReaderTest, TwoPassesFitIntoOneActiveTimeout) {
  EXPECT_LT(2 * table_.period(), kActiveTimeout);
  EXPECT_GT(2 * table_.period(), kActiveTimeout * 9 / 10);
}

TEST_F(ScanReaderTest, LeavesAYoungConnectionToTheNextPass) {
  visit(connection_, 20);
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.entries, 1U);
  EXPECT_EQ(counters_.entries_skipped, 1U);
  visit(connection_, 20 + 28);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kReported);
  EXPECT_EQ(sink_.flows[0].end_reason, EndReason::kActiveTimeout);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{5, 500}));
  EXPECT_EQ(sink_.flows[0].start, at(0).wall);
}

TEST_F(ScanReaderTest, ReportsEverySecondVisitFromThenOn) {
  for (int scan = 0; scan < 6; ++scan) {
    connection_.original_packets += 10;
    visit(connection_, 40 + scan * 28);
    next_scan();
  }
  ASSERT_EQ(sink_.flows.size(), 3U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{20, 2000}));
  EXPECT_EQ(sink_.flows[1].start, sink_.flows[0].end);
  EXPECT_EQ(sink_.flows[2].reply_counters, Counters{});
}

TEST_F(ScanReaderTest, TellsNothingOfAnIdleConnectionAndAllAtOnceWhenItSpeaksAgain) {
  for (int scan = 0; scan < 5; ++scan) visit(connection_, 40 + scan * 28);
  ASSERT_EQ(sink_.flows.size(), 1U);
  connection_.original_packets += 1;
  visit(connection_, 40 + 5 * 28);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{1, 100}));
}

/// Counts twice as many packets of the original direction as conntrack, as where GRO aggregates.
class TwiceAsMany final : public ExtrasSource {
 public:
  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override { return capabilities_; }
  void add(Flow& flow) override {
    if (!measures) return;
    const auto twice = [](const Counters& one) {
      return Counters{one.packets * 2, one.octets * 2};
    };
    flow.extras.original.wire = twice(flow.original_counters);
    flow.extras.reply.wire = flow.reply_counters;
    flow.extras.original.has_wire = flow.extras.reply.has_wire = true;
    flow.extras.present = true;
  }

  bool measures = true;

 private:
  Capabilities capabilities_;
};

TEST_F(ScanReaderTest, LeavesConntracksTotalsToTheNextProgram) {
  for (const bool reports : {false, true}) {
    std::vector<ReportedConnection> left;
    {
      FlowAssembler assembler(sink_, counters_, SourceConfig{}, Instant{{}, kBegan});
      TwiceAsMany extras;
      assembler.extras = &extras;
      ScanReader table(assembler, kActiveTimeout);
      table.scan_ended = [](bool) {};
      const auto meet = [&](ScanReader::Purpose purpose, int second) {
        table.begin_scan(purpose, true);
        const test::Octets octets = test::table_entry(connection_);
        table.on_entry(std::as_bytes(std::span(octets)), Written{at(second), at(second)});
      };
      sink_.flows.clear();
      connection_.original_packets = 5;
      meet(ScanReader::Purpose::kReport, 60);
      ASSERT_EQ(sink_.flows.size(), 1U);
      EXPECT_EQ(sink_.flows[0].original_counters, (Counters{10, 1000}));
      connection_.original_packets = 7;
      std::vector<ConntrackTotals> totals;
      table.keep_totals(totals);
      meet(reports ? ScanReader::Purpose::kStop : ScanReader::Purpose::kLeave, 70);
      ASSERT_EQ(sink_.flows.size(), 2U);
      EXPECT_EQ(sink_.flows[1].original_counters, (Counters{4, 400}));
      EXPECT_EQ(sink_.flows[1].end_reason,
                reports ? EndReason::kForcedEnd : EndReason::kActiveTimeout);
      ASSERT_EQ(totals.size(), 1U);
      assembler.reported.count_by_conntrack(totals[0]);
      assembler.reported.for_each([&](const ReportedConnection& entry) { left.push_back(entry); });
    }
    // The next program does not measure it: a packet since.
    FlowAssembler assembler(sink_, counters_, SourceConfig{}, Instant{{}, kBegan});
    for (const ReportedConnection& entry : left) {
      EXPECT_TRUE(assembler.reported.restore(entry, at(80)));
    }
    EventReader events(assembler);
    connection_.original_packets = 8;
    const test::Octets octets = test::stock_end(connection_, test::kStart + 90 * test::kSecond);
    events.on_datagram(std::as_bytes(std::span(octets)), at(90));
    ASSERT_EQ(sink_.flows.size(), 3U);
    EXPECT_EQ(sink_.flows[2].original_counters, (Counters{1, 100}));
    EXPECT_EQ(sink_.flows[2].reply_counters, Counters{});
  }
}

TEST_F(ScanReaderTest, TheEndCarriesOnlyTheRest) {
  visit(connection_, 50);
  connection_.original_packets += 2;
  end(connection_, 60);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{2, 200}));
  EXPECT_EQ(sink_.flows[1].reply_counters, Counters{});
  EXPECT_EQ(sink_.flows[1].event, FlowEvent::kEnded);
  EXPECT_EQ(assembler_.reported.size(), 0U);
}

TEST_F(ScanReaderTest, IgnoresAnEntryWrittenBeforeItsEndWasRead) {
  table_.on_part_requested();
  end(connection_, 50);
  visit(connection_, 49);  // the kernel wrote it earlier, we read it now
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(assembler_.reported.size(), 0U);
  table_.on_part_requested();
  connection_.start += test::kSecond;  // a successor
  visit(connection_, 90);
  EXPECT_EQ(sink_.flows.size(), 2U);
}

TEST_F(ScanReaderTest, AStormOfEndsHidesNoConnection) {
  StockConnection other = connection_;
  other.port += 1;
  visit(connection_, 50);
  for (int scan = 1; scan <= 4; ++scan) {
    next_scan();
    table_.on_part_requested();
    for (std::uint32_t scanned = 0; scanned < 10'000; ++scanned) {
      Flow flow;
      flow.id = scanned + 1;
      flow.present.start = true;
      assembler_.reported.finish(ConnectionIdentity(flow), flow);
    }
    visit(connection_, 50 + 28 * scan);
    if (scan == 4) visit(other, 50 + 28 * scan);
    table_.on_dump_end(true);
    EXPECT_EQ(sweep(), 0U);
  }
  EXPECT_EQ(sink_.flows.size(), 2U) << "each is reported once";
  end(connection_, 200);
  EXPECT_EQ(sink_.flows.size(), 2U) << "nothing is new";
}

TEST_F(ScanReaderTest, IgnoresDyingEntries) {
  connection_.status |= 1U << 9;
  visit(connection_, 50);
  EXPECT_TRUE(sink_.flows.empty());
}

TEST_F(ScanReaderTest, ASuccessorUnderTheSameIdIsAnotherConnection) {
  visit(connection_, 50);
  StockConnection successor = connection_;
  successor.start += 51 * test::kSecond;
  successor.original_packets = 50;
  end(successor, 55);  // the end of the first was lost
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{50, 5000}));
}

TEST_F(ScanReaderTest, ForgetsWhatTwoPassesDidNotMeet) {
  visit(connection_, 50);
  next_scan();
  EXPECT_EQ(sweep(), 0U);
  next_scan();
  EXPECT_EQ(sweep(), 1U);
  EXPECT_EQ(assembler_.reported.size(), 0U);
}

TEST_F(ScanReaderTest, RemembersWhatTheFilterLeavesOutForAWhile) {
  SourceConfig config;
  config.filter.include.push_back({{}, {}, {}, {}, {{1, 0xffff'ffff}}});
  FlowAssembler assembler(sink_, counters_, config, Instant{{}, kBegan});
  ScanReader table(assembler, kActiveTimeout);
  table.scan_ended = [](bool) {};
  std::uint64_t vanished = 0;
  const auto scan = [&](std::uint32_t mark, int second) {
    table.begin_scan(ScanReader::Purpose::kReport, true);
    connection_.mark = mark;
    connection_.original_packets += 10;
    const test::Octets octets = test::table_entry(connection_);
    table.on_entry(std::as_bytes(std::span(octets)), Written{at(second), at(second)});
    table.on_dump_end(true);
    assembler.reported.forget_vanished(0, 1 << 20, assembler.reported.scan(), vanished,
                                       [](const ReportedConnection&) {});
  };
  scan(1, 50);
  for (int i = 1; i <= 4; ++i) scan(2, 50 + 28 * i);
  for (int i = 5; i <= 6; ++i) scan(1, 50 + 28 * i);
  EXPECT_EQ(vanished, 0U);
  EXPECT_EQ(counters_.filtered, 4U);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{15, 1500}));
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{60, 6000}));
}

TEST_F(ScanReaderTest, APassThatWasGivenUpDoesNotCount) {
  visit(connection_, 50);
  next_scan();
  table_.begin_scan(ScanReader::Purpose::kReport, false);
  table_.begin_scan(ScanReader::Purpose::kReport, false);
  EXPECT_EQ(sweep(), 0U);
}

TEST_F(ScanReaderTest, ReportsConnectionsWithoutEventsInEveryPass) {
  assembler_.opened = at(1).wall;
  table_.existing_end_silently(true);
  for (int scan = 0; scan < 3; ++scan) {
    connection_.original_packets += 1;
    visit(connection_, 2 + scan * 28);
  }
  EXPECT_EQ(sink_.flows.size(), 3U);
}

TEST_F(ScanReaderTest, ReportsWhatBeganWhileEventsWereOffInEveryPass) {
  assembler_.silence.begin(at(-1).wall);
  assembler_.silence.end(at(1).wall);
  StockConnection later = connection_;
  later.port += 1;
  later.start += 2 * test::kSecond;
  for (int scan = 0; scan < 3; ++scan) {
    connection_.original_packets += 1;
    later.original_packets += 1;
    visit(connection_, 3 + scan * 28);
    visit(later, 3 + scan * 28);
  }
  EXPECT_EQ(sink_.flows.size(), 3U + 1U);
}

TEST_F(ScanReaderTest, ReportsAtOnceWhatHasNoStart) {
  connection_.start = 0;
  visit(connection_, 1);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].start, at(1).wall);
  connection_.original_packets += 1;
  visit(connection_, 2);
  EXPECT_EQ(sink_.flows.size(), 1U) << "every second visit";
  visit(connection_, 3);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].start, sink_.flows[0].end);
}

TEST_F(ScanReaderTest, ReportsAConnectionThatBeganInTheFutureOfAClockSetBack) {
  connection_.start += 3600 * test::kSecond;
  visit(connection_, 1);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_LE(sink_.flows[0].start, sink_.flows[0].end);
  EXPECT_LE(sink_.flows[0].end, sink_.flows[0].event_time);
}

TEST_F(ScanReaderTest, TheTimeoutThatIsLeftTellsTheLastPacket) {
  connection_.timeout = 113;
  visit(connection_, 50);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].end, at(43).wall + milliseconds(500)) << "or half a second more or less";
  EXPECT_EQ(counters_.end_from_timeout, 1U);
}

TEST_F(ScanReaderTest, PassesBoundTheLastPacketWhereTheTimeoutMisleads) {
  connection_.timeout = 5;  // a policy of 10 s, say: counted back from 120 it is far too early
  visit(connection_, 50);
  EXPECT_EQ(sink_.flows.at(0).end, at(0).wall);
  connection_.original_packets += 1;
  visit(connection_, 80);
  visit(connection_, 110);  // nothing new since
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_GE(sink_.flows[1].end, at(50).wall - seconds(1)) << "grew between 50 and 80";
  EXPECT_LE(sink_.flows[1].end, at(80).wall + seconds(1));
  EXPECT_EQ(counters_.end_from_dump, 1U);
}

TEST_F(ScanReaderTest, AdoptsWhatIsThereWithoutTelling) {
  assembler_.opened = at(1).wall;
  assembler_.skips_existing = true;
  table_.begin_scan(ScanReader::Purpose::kAdopt, false);
  visit(connection_, 1);
  StockConnection new_one = connection_;
  new_one.port = 1001;
  new_one.start += 2 * test::kSecond;
  visit(new_one, 2);
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.existing_adopted, 1U);
  connection_.original_packets += 4;
  end(connection_, 60);
  end(new_one, 60);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{4, 400}));
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{5, 500}));
}

TEST_F(ScanReaderTest, ExportsNothingOfAnOldConnectionThatWasNotAdopted) {
  assembler_.opened = at(1).wall;
  assembler_.skips_existing = true;
  visit(connection_, 50);
  end(connection_, 60);
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.existing_skipped, 1U);
}

TEST_F(ScanReaderTest, AtTheStopEverythingIsForced) {
  table_.begin_scan(ScanReader::Purpose::kStop, false);
  visit(connection_, 1);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].end_reason, EndReason::kForcedEnd);
}

TEST_F(ScanReaderTest, LeavesToThePatchedKernelWhatItReports) {
  table_.kernel_reports(true);
  const test::Octets measured =
      test::with_field(test::measured_event(IPCTNL_MSG_CT_NEW, 10, 1000, test::kSecond),
                       offsetof(nlmsghdr, nlmsg_flags), std::uint16_t{NLM_F_MULTI});
  table_.on_entry(std::as_bytes(std::span(measured)), Written{at(100), at(100)});
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(table_.dependent(), 0U);
  visit(connection_, 100);
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(table_.dependent(), 1U);
}

TEST_F(ScanReaderTest, BeyondTheLimitTheEndTellsAll) {
  SourceConfig config;
  config.max_reported_connections = 1;
  FlowAssembler reading(sink_, counters_, config, Instant{{}, kBegan});
  ScanReader table(reading, kActiveTimeout);
  EventReader events(reading);
  StockConnection other = connection_;
  other.port = 1001;
  for (const StockConnection& one : {connection_, other}) {
    const test::Octets octets = test::table_entry(one);
    table.on_entry(std::as_bytes(std::span(octets)), Written{at(50), at(50)});
  }
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(counters_.no_room, 1U);
  const test::Octets octets = test::stock_end(other, test::kStart + 70 * test::kSecond);
  events.on_datagram(std::as_bytes(std::span(octets)), at(70));
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{5, 500}));
}

TEST_F(ScanReaderTest, CountsWhatItCannotRead) {
  test::Octets octets = test::table_entry(connection_);
  octets = test::cut(octets, 40);
  octets = test::with_length(octets, 40);
  table_.on_entry(std::as_bytes(std::span(octets)), Written{at(1), at(1)});
  EXPECT_EQ(counters_.malformed, 1U);
  const test::Octets other = test::message(IPCTNL_MSG_CT_NEW, {});
  table_.on_entry(std::as_bytes(std::span(other)), Written{at(1), at(1)});
  EXPECT_EQ(counters_.ignored, 1U);
}

TEST_F(ScanReaderTest, TimesStayTrueWhenTheClockIsSet) {
  ClockSteps::Reading clocks{};
  ClockSteps steps([&] { return clocks; });
  assembler_.clock_steps = &steps;
  const auto instant = [&](int second, std::chrono::hours set) {
    Instant now = at(second);
    now.wall += set;
    clocks = {now.wall, seconds(second)};
    assembler_.watch_clock();
    return now;
  };
  constexpr std::chrono::hours kStep{480'000};  // no battery: 1970, until NTP answers
  const test::Octets first = test::table_entry(connection_);
  table_.on_entry(std::as_bytes(std::span(first)), Written{instant(50, {}), instant(50, {})});
  instant(51, kStep);
  connection_.original_packets += 1;
  const test::Octets ended = test::stock_end(
      connection_, test::kStart + 200 * test::kSecond +
                       static_cast<std::uint64_t>(kStep / seconds(1)) * test::kSecond);
  events_.on_datagram(std::as_bytes(std::span(ended)), instant(201, kStep));
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].start, at(0).wall);
  EXPECT_EQ(sink_.flows[1].start, sink_.flows[0].end + kStep);
  EXPECT_EQ(sink_.flows[1].end, at(80).wall + kStep);
}

TEST_F(ScanReaderTest, AClockThatIsSetWhileAPartWaitsMovesTheTimesOfThePart) {
  ClockSteps::Reading clocks{at(50).wall, seconds(50)};
  ClockSteps steps([&] { return clocks; });
  assembler_.clock_steps = &steps;
  table_.on_part_requested();
  constexpr std::chrono::hours kStep{1000};
  clocks = {at(51).wall + kStep, seconds(51)};
  visit(connection_, 50);  // by the clock as it was
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].start, at(0).wall + kStep);
  EXPECT_EQ(sink_.flows[0].event_time, at(50).wall + kStep);
  EXPECT_LE(sink_.flows[0].end, at(50).wall + kStep);
  EXPECT_GE(sink_.flows[0].end, at(0).wall + kStep);
  table_.on_part_requested();
  StockConnection other = connection_;
  other.port += 1;
  other.start = connection_.start + static_cast<std::uint64_t>(kStep / seconds(1)) * test::kSecond +
                test::kSecond;
  const test::Octets entry = test::table_entry(other);
  Instant now = at(52);
  now.wall += kStep;
  table_.on_entry(std::as_bytes(std::span(entry)), Written{now, now});
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].event_time, now.wall) << "once";
}

TEST_F(ScanReaderTest, PassesOnHowThePassEnded) {
  table_.on_dump_end(true);
  EXPECT_TRUE(complete_);
}

}  // namespace
}  // namespace ctflow
