// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/trends.hpp"

#include <gtest/gtest.h>

#include "ctflow/clock.hpp"
#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TrendsTest : public testing::Test {
 protected:
  Status completed() {
    Status copy = status_;
    trends_.complete(copy, now_);
    return copy;
  }
  void sample_after(milliseconds step) {
    now_ += step;
    trends_.sample(status_, now_);
  }

  Trends trends_;
  MonoTime now_{std::chrono::hours(1)};
  Status status_ = test::sample_status();
  NamespaceStatus& home_ = status_.namespaces[0];
};

TEST_F(TrendsTest, KnowNothingBeforeTheFirstSample) {
  const Status status = completed();
  EXPECT_EQ(status.namespaces[0].rates.per_second[0], 0);
  EXPECT_EQ(status.namespaces[0].last_overrun, std::nullopt);
}

TEST_F(TrendsTest, TellRatesOfEachWindow) {
  for (int i = 0; i < 120; ++i) {
    home_.source.ended += i < 115 ? 10 : 100;  // five fast seconds at the end
    sample_after(seconds(1));
  }
  const WindowedRates rates = completed().namespaces[0].rates;
  EXPECT_DOUBLE_EQ(rates.per_second[0], 100);
  EXPECT_DOUBLE_EQ(rates.per_second[1], 55);
  EXPECT_DOUBLE_EQ(rates.per_second[2], (55 * 10 + 5 * 100) / 60.0);
}

TEST_F(TrendsTest, CountReportsAndBeginningsAsEvents) {
  sample_after(seconds(1));
  home_.source.ended += 1;
  home_.source.reports += 2;
  home_.source.created += 4;
  sample_after(seconds(1));
  EXPECT_DOUBLE_EQ(completed().namespaces[0].rates.per_second[0], 7);
}

TEST_F(TrendsTest, SayHowLongAgoSomethingGrew) {
  sample_after(seconds(1));
  EXPECT_EQ(completed().namespaces[0].last_overrun, std::nullopt);
  home_.source.lost_overrun = 3;
  std::get<CollectorStatus>(home_.outputs[0].details).refusals = 1;
  sample_after(seconds(1));
  sample_after(seconds(10));
  const Status status = completed();
  EXPECT_EQ(status.namespaces[0].last_overrun, seconds(10));
  EXPECT_EQ(std::get<CollectorStatus>(status.namespaces[0].outputs[0].details).last_refusal,
            seconds(10));
  EXPECT_EQ(status.namespaces[0].outputs[0].last_loss, std::nullopt);
}

TEST_F(TrendsTest, TakeALossBeforeTheFirstSampleForNew) {
  home_.pipeline.lost_no_counters = 1;
  sample_after(seconds(1));
  EXPECT_EQ(completed().namespaces[0].last_no_counters, seconds(0));
  EXPECT_EQ(completed().namespaces[0].last_fall, std::nullopt);
  home_.source.counters_fell = 1;
  sample_after(seconds(1));
  EXPECT_EQ(completed().namespaces[0].last_fall, seconds(0));
}

TEST_F(TrendsTest, FollowACollectorThatBeginsAnew) {
  std::get<CollectorStatus>(home_.outputs[0].details).refusals = 9;
  sample_after(seconds(1));
  std::get<CollectorStatus>(home_.outputs[0].details).refusals = 0;
  sample_after(seconds(5));
  EXPECT_EQ(std::get<CollectorStatus>(completed().namespaces[0].outputs[0].details).last_refusal,
            seconds(5));
  std::get<CollectorStatus>(home_.outputs[0].details).refusals = 2;
  sample_after(seconds(1));
  EXPECT_EQ(std::get<CollectorStatus>(completed().namespaces[0].outputs[0].details).last_refusal,
            seconds(0));
}

TEST_F(TrendsTest, KeepNamespacesApartWhoseCollectorsHaveOneName) {
  status_.namespaces.push_back(home_);
  status_.namespaces[1].name = "other";
  status_.namespaces[0].outputs[0].counters.lost_would_block = 5;
  status_.namespaces[1].outputs[0].counters.lost_would_block = 3;
  sample_after(seconds(1));
  sample_after(seconds(20));
  const Status status = completed();
  EXPECT_EQ(status.namespaces[0].outputs[0].last_loss, seconds(20));
  EXPECT_EQ(status.namespaces[1].outputs[0].last_loss, seconds(20));
}

TEST_F(TrendsTest, CountRecordsOfEachOutput) {
  OutputStatus other = home_.outputs[0];
  other.name = "other";
  home_.outputs.push_back(other);
  for (int i = 0; i < 120; ++i) {
    status_.namespaces[0].outputs[0].counters.records += 20;
    status_.namespaces[0].outputs[1].counters.records += i < 110 ? 0 : 6;
    sample_after(seconds(1));
  }
  const Status status = completed();
  EXPECT_DOUBLE_EQ(status.namespaces[0].outputs[0].records.per_second[0], 20);
  EXPECT_DOUBLE_EQ(status.namespaces[0].outputs[0].records.per_second[2], 20);
  EXPECT_DOUBLE_EQ(status.namespaces[0].outputs[1].records.per_second[1], 6);
  EXPECT_DOUBLE_EQ(status.namespaces[0].outputs[1].records.per_second[2], 1);
}

TEST_F(TrendsTest, KnowTheLastMessageByBothClocks) {
  sample_after(seconds(1));
  EXPECT_EQ(completed().namespaces[0].outputs[0].last_message, std::nullopt);
  status_.now += seconds(7);
  const auto sent = status_.now;
  home_.outputs[0].counters.messages = 1;
  sample_after(seconds(1));
  status_.now += seconds(30);
  sample_after(seconds(30));
  const Status status = completed();
  EXPECT_EQ(status.namespaces[0].outputs[0].last_message, seconds(30));
  EXPECT_EQ(status.namespaces[0].outputs[0].last_message_time, sent);
}

/// An output whose spool on disk gets `growth` octets more each second.
class SpoolRoomTest : public TrendsTest {
 protected:
  SpoolRoomTest() {
    output_.backlog = Backlog{.memory = 1000, .memory_limit = 10'000};
    output_.counters.flows = 100;
    output_.counters.message_octets = 5000;
    output_.oldest_waiting = seconds(60);
  }
  SpoolRoom after_a_minute(int growth) {
    for (int i = 0; i < 90; ++i) {
      output_.backlog->disk += static_cast<std::uint64_t>(growth);
      sample_after(seconds(1));
    }
    return *completed().namespaces[0].outputs[0].room;
  }

  OutputStatus& output_ = home_.outputs[0];
};

TEST_F(SpoolRoomTest, IsThatOfMemoryWithoutADirectory) {
  const SpoolRoom room = after_a_minute(0);
  EXPECT_EQ(room.octets, 9000U);
  EXPECT_EQ(room.flows, 180U);  // 50 octets for each that was sent
  EXPECT_EQ(room.lasts, std::nullopt);
}

TEST_F(SpoolRoomTest, IsThatOfTheDiskAndLastsAsLongAsItFills) {
  output_.backlog->disk_limit = 1'000'000;
  output_.backlog->disk = 10'000;
  output_.counters.waiting.flows = 1000;
  const SpoolRoom room = after_a_minute(100);  // 20 000 octets wait, in memory and on disk
  EXPECT_EQ(room.octets, 981'000U);
  EXPECT_EQ(room.flows, 49'050U);
  EXPECT_EQ(room.lasts, seconds(9810));
}

TEST_F(SpoolRoomTest, IsThatOfMemoryWhileTheDiskCannotBeUsed) {
  output_.backlog->disk_limit = 1'000'000;
  output_.backlog->trouble = "Read-only file system";
  EXPECT_EQ(after_a_minute(0).octets, 9000U);
}

TEST_F(SpoolRoomTest, MakesNoForecastWhileItEmptiesOrNothingWaits) {
  output_.backlog->disk_limit = 1'000'000;
  output_.backlog->disk = 500'000;
  EXPECT_EQ(after_a_minute(-100).lasts, std::nullopt);
  output_.oldest_waiting = seconds(1);  // on its way
  EXPECT_EQ(after_a_minute(100).lasts, std::nullopt);
  output_.oldest_waiting = std::nullopt;
  EXPECT_EQ(after_a_minute(100).lasts, std::nullopt);
}

TEST_F(SpoolRoomTest, IsNeverBelowZero) {
  output_.backlog->memory = 20'000;
  EXPECT_EQ(after_a_minute(0).octets, 0U);
}

}  // namespace
}  // namespace ctflow
