// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/flow_assembler.hpp"

#include <gtest/gtest.h>

#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr TimePoint kBegan{hours(500'000)};

/// A connection of which a patched kernel measured the times, and a clock that is set.
class SteppedReadingTest : public testing::Test {
 protected:
  SteppedReadingTest() {
    assembler_.clock_steps = &steps_;
    at(seconds(0));
    assembler_.watch_clock();
    flow_.present.start = flow_.present.stop = true;
    flow_.extras.present = true;
  }

  /// The wall clock `age` after the beginning, as it is set now.
  Instant at(seconds age) {
    clocks_ = {kBegan + age + set_by_, age};
    return {clocks_.wall, {}};
  }

  ClockSteps::Reading clocks_{};
  seconds set_by_{0};
  ClockSteps steps_{[this] { return clocks_; }};
  test::FakeSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, SourceConfig{}, Instant{kBegan, {}}};
  Flow flow_;
};

TEST_F(SteppedReadingTest, CorrectsTheFirstPacketOfAPatchedKernelWhenTheClockWasSetForward) {
  at(seconds(10));
  assembler_.watch_clock();
  set_by_ = hours(1);
  const Instant now = at(seconds(20));
  assembler_.watch_clock();
  DirectionExtras& measured = flow_.extras.original;
  measured.has_times = true;
  measured.first = kBegan + seconds(5);             // stamped by the clock as it was
  measured.last = kBegan + seconds(19) + hours(1);  // measured by the clock as it is
  flow_.start = kBegan + seconds(5);
  flow_.end = kBegan + seconds(19) + hours(1);
  assembler_.identify(flow_, now);
  EXPECT_EQ(measured.first, kBegan + seconds(5) + hours(1));
  EXPECT_EQ(measured.last, kBegan + seconds(19) + hours(1));
  EXPECT_EQ(flow_.start, measured.first);
  EXPECT_EQ(flow_.end, measured.last);
}

TEST_F(SteppedReadingTest, CorrectsThemWhenTheClockWasSetBack) {
  at(seconds(10));
  assembler_.watch_clock();
  set_by_ = -hours(1);
  const Instant now = at(seconds(20));
  assembler_.watch_clock();
  DirectionExtras& measured = flow_.extras.reply;
  measured.has_times = true;
  measured.first = measured.last =
      kBegan + seconds(5);  // the kernel tells no last before the first
  assembler_.identify(flow_, now);
  EXPECT_EQ(measured.first, kBegan + seconds(5) - hours(1));
  EXPECT_EQ(measured.last, measured.first);
}

TEST_F(SteppedReadingTest, NoConnectionIsOlderThanTheUptime) {
  // NTP set the clock before ctflowd was started: of that step it knows nothing.
  const Instant now = at(seconds(100));
  assembler_.watch_clock();
  flow_.start = flow_.end = TimePoint(seconds(60));  // 1970
  flow_.extras.original.has_times = true;
  flow_.extras.original.first = flow_.extras.original.last = TimePoint(seconds(60));
  const ConnectionIdentity before(flow_);
  const ConnectionIdentity identity = assembler_.identify(flow_, now);
  EXPECT_EQ(flow_.start, kBegan);
  EXPECT_EQ(flow_.extras.original.first, kBegan);
  EXPECT_EQ(identity.key, before.key) << "the same connection, whatever the clock says";
  assembler_.complete(identity, flow_, now);
  EXPECT_GE(flow_.start, kBegan);
  EXPECT_LE(flow_.start, flow_.end);
  Flow young;
  young.present.start = true;
  young.start = kBegan + seconds(1);
  assembler_.identify(young, now);
  EXPECT_EQ(young.start, kBegan + seconds(1));
}

}  // namespace
}  // namespace ctflow
