// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/record_feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "conntrack/events/event_reader.hpp"
#include "conntrack/flow/decode_record.hpp"
#include "log/log.hpp"
#include "support/fake_programs.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using test::kSecond;
using test::MeasuredConnection;

class RecordFeedTest : public testing::Test {
 protected:
  RecordFeedTest() {
    kernel_.descriptor = event_.number();
    assembler_.derives_ids = true;
    feed_.emplace(ring_, ring_.watch(test::kNetns, RecordFeed::watch_of(config_, false)).id,
                  config_);
    feed_->events_lost = [this] { ++reconciliations_; };
    feed_->start(reader_, counters_);
  }

  void read(ctflow_event event, const MeasuredConnection& one, std::uint64_t at) {
    kernel_.records.push_back(test::record(event, one, at));
    now_ = test::instant(at);
    EXPECT_TRUE(feed_->catch_up());
  }

  boost::asio::io_context io_;
  Descriptor event_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  test::FakeKernelRing kernel_;
  Instant now_ = test::instant(0);
  RecordRing ring_{io_, std::make_unique<test::FakePrograms>(kernel_), std::chrono::milliseconds(0),
                   [this] { return now_; }};
  SourceConfig config_;
  test::FakeSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, config_, test::instant(0)};
  EventReader reader_{assembler_};
  std::optional<RecordFeed> feed_;
  int reconciliations_ = 0;
};

TEST_F(RecordFeedTest, ExportsWhatIsNewAndTheRestAtTheEnd) {
  MeasuredConnection one{.original_counters = 10, .reply_counters = 4, .last = 50 * kSecond};
  read(CTFLOW_REPORTED, one, 60 * kSecond);
  one.original_counters = 25;
  one.last = 70 * kSecond;
  read(CTFLOW_ENDED, one, 100 * kSecond);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kReported);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{10, 1000}));
  EXPECT_EQ(sink_.flows[0].end, test::instant(50 * kSecond).wall);
  EXPECT_EQ(sink_.flows[0].original_interfaces, (Interfaces{2, 3}));
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{15, 1500}));
  EXPECT_EQ(sink_.flows[1].reply_counters, Counters{});
  EXPECT_EQ(sink_.flows[1].end, test::instant(70 * kSecond).wall) << "not 30 s later";
  EXPECT_EQ(counters_.end_from_packets, 2U);
  EXPECT_NE(sink_.flows[0].id, 0U);
  EXPECT_EQ(sink_.flows[0].id, sink_.flows[1].id);
  EXPECT_EQ(assembler_.reported.size(), 0U);
}

TEST_F(RecordFeedTest, TakesASuccessorWithTheSameTupleForAnother) {
  MeasuredConnection one{.original_counters = 10};
  read(CTFLOW_REPORTED, one, 60 * kSecond);
  one.original_counters = 12;  // its end is lost
  one.start = test::kStart + 90 * kSecond;
  one.first = one.last = 90 * kSecond;
  read(CTFLOW_ENDED, one, 120 * kSecond);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[1].original_counters, (Counters{12, 1200})) << "nothing of it was reported";
  EXPECT_NE(sink_.flows[0].id, sink_.flows[1].id);
}

TEST_F(RecordFeedTest, ExportsConntracksCountersOfWhatIsNotMeasured) {
  const MeasuredConnection one{.original_counters = 10, .reply_counters = 4, .measured = false};
  read(CTFLOW_ENDED, one, 150 * kSecond);
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].original_counters, (Counters{9, 900}));
  EXPECT_FALSE(sink_.flows[0].extras.present);
  EXPECT_EQ(sink_.flows[0].end, test::instant(30 * kSecond).wall)
      << "when it expired, less the timeout of an ASSURED UDP connection";
}

TEST_F(RecordFeedTest, HandsOnBeginningsIfAsked) {
  const MeasuredConnection one{.original_counters = 10};
  feed_->listen_to_beginnings(true);
  EXPECT_TRUE(kernel_.watched.at(test::kNetns).created);
  assembler_.nat_events = true;
  read(CTFLOW_CREATED, one, 0);
  read(CTFLOW_ENDED, one, kSecond);
  ASSERT_EQ(sink_.flows.size(), 2U);
  EXPECT_EQ(sink_.flows[0].event, FlowEvent::kCreated);
  EXPECT_EQ(sink_.flows[0].id, sink_.flows[1].id);
  EXPECT_EQ(counters_.created, 1U);
  EXPECT_EQ(assembler_.begun.size(), 0U);
}

TEST_F(RecordFeedTest, ReadsAnEndOnceThoughTwoProcessorsSendIt) {
  const MeasuredConnection one{.original_counters = 10};
  read(CTFLOW_ENDED, one, kSecond);
  read(CTFLOW_ENDED, one, kSecond);
  read(CTFLOW_REPORTED, one, kSecond);
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(counters_.repeated, 1U);
  EXPECT_EQ(counters_.reports_skipped, 1U);
}

TEST_F(RecordFeedTest, FiltersAfterDecoding) {
  SourceConfig config;
  config.filter.exclude.push_back({.protocols = {17}});
  FlowAssembler filtering(sink_, counters_, config, test::instant(0));
  EventReader reader(filtering);
  reader.on_record(test::record(CTFLOW_ENDED, {.original_counters = 1}, 0), test::instant(0));
  EXPECT_TRUE(sink_.flows.empty());
  EXPECT_EQ(counters_.filtered, 1U);
}

TEST_F(RecordFeedTest, DoesNotCorrectPacketTimesTwiceWhenTheClockIsSet) {
  std::chrono::nanoseconds set_by{};
  ClockSteps steps([&] { return ClockSteps::Reading{now_.wall, now_.steady.time_since_epoch()}; });
  assembler_.clock_steps = &steps;
  assembler_.watch_clock();
  // The packets came, then the clock was set forth by an hour, then the record is read.
  set_by = seconds(3600);
  const MeasuredConnection one{.original_counters = 3, .first = 2 * kSecond, .last = 5 * kSecond};
  now_ = test::instant(8 * kSecond, set_by);
  kernel_.records.push_back(test::record(CTFLOW_ENDED, one, 6 * kSecond));
  EXPECT_TRUE(feed_->catch_up());
  ASSERT_EQ(sink_.flows.size(), 1U);
  EXPECT_EQ(sink_.flows[0].start, test::instant(2 * kSecond, set_by).wall);
  EXPECT_EQ(sink_.flows[0].end, test::instant(5 * kSecond, set_by).wall);
}

TEST_F(RecordFeedTest, CountsEveryLossOnceAndLooksAtTheTableForEnds) {
  log::configure(LogLevel::kInfo);
  kernel_.losses[test::kNetns] = {3, 2, 1, 4};
  testing::internal::CaptureStderr();
  read(CTFLOW_ENDED, {.original_counters = 1}, kSecond);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr(" warning connections_unmeasured unmeasured=4 "));
  read(CTFLOW_ENDED, {.port = 2, .original_counters = 1}, kSecond);
  EXPECT_EQ(counters_.lost_ends, 3U);
  EXPECT_EQ(counters_.delayed_reports, 2U);
  EXPECT_EQ(counters_.lost_beginnings, 1U);
  EXPECT_EQ(counters_.unmeasured, 4U);
  EXPECT_EQ(counters_.overruns, 1U);
  EXPECT_EQ(reconciliations_, 1);
  kernel_.losses[test::kNetns] = {3, 3, 1, 4};
  EXPECT_TRUE(feed_->catch_up());
  EXPECT_EQ(counters_.delayed_reports, 3U);
  EXPECT_EQ(reconciliations_, 1) << "the next report makes that good";
}

TEST_F(RecordFeedTest, CountsWhatTheKernelSkippedSinceTheWatchBegan) {
  log::configure(LogLevel::kInfo);
  ring_.watch(test::kNetns + 1, {seconds(1), false});  // sweeps come sooner
  kernel_.missed = {7, 2, 3};
  EXPECT_TRUE(feed_->catch_up());
  EXPECT_EQ(counters_.unmeasured_packets, 0U) << "a sweep asks, not every batch";
  testing::internal::CaptureStderr();
  io_.run_for(std::chrono::milliseconds(1200));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr(" warning packets_not_measured packets=7 "));
  EXPECT_EQ(counters_.unmeasured_packets, 7U);
  EXPECT_EQ(counters_.lost_ends, 2U);
  EXPECT_EQ(counters_.lost_beginnings, 0U) << "nobody wants them";
  EXPECT_EQ(reconciliations_, 1);
  feed_->listen_to_beginnings(true);
  kernel_.missed = {8, 2, 5};
  feed_->stop();
  EXPECT_EQ(counters_.unmeasured_packets, 8U);
  EXPECT_EQ(counters_.lost_ends, 2U);
  EXPECT_EQ(counters_.lost_beginnings, 2U);
}

TEST_F(RecordFeedTest, DoesNotCountWhatWasSkippedBeforeIt) {
  kernel_.missed = {7, 2, 3};
  const int id = ring_.watch(test::kNetns + 1, {}).id;
  EXPECT_EQ(ring_.unmeasured_packets(id), 0U);
  EXPECT_EQ(ring_.losses(id), RecordLosses{});
}

TEST_F(RecordFeedTest, EndsTheWatchWithWhatTheRingHeld) {
  kernel_.records.push_back(test::record(CTFLOW_ENDED, {.original_counters = 1}, 0));
  feed_->stop();
  EXPECT_EQ(sink_.flows.size(), 1U);
  EXPECT_TRUE(kernel_.watched.empty());
  feed_.reset();
  EXPECT_EQ(sink_.flows.size(), 1U);
}

TEST_F(RecordFeedTest, KeepsWhatWasLostInTheLedgerWhenTheWatchEnds) {
  kernel_.losses[test::kNetns] = {3, 0, 0, 4};
  EXPECT_TRUE(feed_->catch_up());
  kernel_.on_unwatch = [this] { kernel_.losses[test::kNetns] = {5, 0, 0, 4}; };
  feed_->stop();
  EXPECT_EQ(counters_.lost_ends, 5U) << "also what was lost since it was read last";
  EXPECT_EQ(counters_.unmeasured, 4U);
}

TEST_F(RecordFeedTest, LeavesConntracksTotalsToTheNextProgram) {
  const MeasuredConnection one{.original_counters = 10, .reply_counters = 4};
  read(CTFLOW_REPORTED, one, 60 * kSecond);
  std::vector<ConntrackTotals> totals;
  reader_.keep_totals(totals, false);
  kernel_.living.push_back(test::record(CTFLOW_REPORTED, one, 70 * kSecond));
  now_ = test::instant(70 * kSecond);
  EXPECT_TRUE(feed_->report_all());
  ASSERT_EQ(totals.size(), 1U);
  assembler_.reported.count_by_conntrack(totals[0]);
  // The next program knows only conntrack's counters: 9 and 3 packets, and two more since.
  ReportedConnections next(100);
  assembler_.reported.for_each([&](const ReportedConnection& entry) {
    EXPECT_TRUE(next.restore(entry, test::instant(80 * kSecond)));
  });
  Flow flow;
  decode_record(
      test::record(CTFLOW_ENDED, {.original_counters = 12, .reply_counters = 4, .measured = false},
                   90 * kSecond),
      test::instant(90 * kSecond), flow);
  EXPECT_EQ(next.finish(ConnectionIdentity(flow), flow), ReportedConnections::Outcome::kNews);
  EXPECT_EQ(flow.original_counters, (Counters{2, 200}));
  EXPECT_EQ(flow.reply_counters, Counters{});
}

}  // namespace
}  // namespace ctflow
