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
  const EventRates rates = completed().namespaces[0].rates;
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
  home_.outputs[0].collector->refusals = 1;
  sample_after(seconds(1));
  sample_after(seconds(10));
  const Status status = completed();
  EXPECT_EQ(status.namespaces[0].last_overrun, seconds(10));
  EXPECT_EQ(status.namespaces[0].outputs[0].collector->last_refusal, seconds(10));
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
  home_.outputs[0].collector->refusals = 9;
  sample_after(seconds(1));
  home_.outputs[0].collector->refusals = 0;
  sample_after(seconds(5));
  EXPECT_EQ(completed().namespaces[0].outputs[0].collector->last_refusal, seconds(5));
  home_.outputs[0].collector->refusals = 2;
  sample_after(seconds(1));
  EXPECT_EQ(completed().namespaces[0].outputs[0].collector->last_refusal, seconds(0));
}

}  // namespace
}  // namespace ctflow
