// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/end_of_flow.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::seconds;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kEstablished = 3;
constexpr std::uint8_t kTimeWait = 7;

const TimePoint kStart{seconds(1'700'000'000)};

class EndOfFlowTest : public testing::Test {
 protected:
  /// A connection that began at kStart, removed `stop` later, reported one second after that.
  static Flow removed_after(seconds stop, std::uint8_t protocol = kUdp) {
    Flow flow;
    flow.original.protocol = protocol;
    flow.start = kStart;
    flow.end = kStart + stop;
    flow.event_time = flow.end + seconds(1);
    flow.present.start = flow.present.stop = true;
    return flow;
  }
  static Flow with_state(Flow flow, std::uint8_t state) {
    flow.state = state;
    flow.present.state = true;
    return flow;
  }
  static Flow with_time_left(Flow flow, std::uint32_t left) {
    flow.timeout = left;
    flow.present.timeout = true;
    return flow;
  }
  /// Where the corrected end lies, from kStart.
  seconds end_of(Flow flow) {
    correct_times(flow, timeouts_, counters_);
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    return std::chrono::duration_cast<seconds>(flow.end - kStart);
  }

  Timeouts timeouts_;
  SourceCounters counters_;
};

TEST_F(EndOfFlowTest, TakesTheTimeoutOffAnExpiredEntry) {
  EXPECT_EQ(end_of(removed_after(seconds(42))), seconds(12));
  EXPECT_EQ(end_of(with_state(removed_after(seconds(125), kTcp), kTimeWait)), seconds(5));
  EXPECT_EQ(counters_.end_from_stop, 2U);
}

TEST_F(EndOfFlowTest, TakesOnlyTheUsedPartOffAnEntryRemovedEarly) {
  // 20 of 30 s were left: the last packet came 10 s before the removal.
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(42)), 20)), seconds(32));
  // More left than the timeout: it was longer when the packet came.
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(42)), 50)), seconds(42));
}

TEST_F(EndOfFlowTest, FindsTheShorterTimeoutOfUnansweredTcp) {
  // Five days would reach back before the start: it was the 300 s of unacknowledged data.
  EXPECT_EQ(end_of(with_state(removed_after(seconds(310), kTcp), kEstablished)), seconds(10));
  EXPECT_EQ(end_of(with_state(removed_after(seconds(432'010), kTcp), kEstablished)), seconds(10));
}

TEST_F(EndOfFlowTest, NeverEndsBeforeTheStart) {
  EXPECT_EQ(end_of(removed_after(seconds(10))), seconds(0));
}

TEST_F(EndOfFlowTest, LeavesTheStopTimeWhereTheTimeoutIsUnknown) {
  EXPECT_EQ(end_of(removed_after(seconds(42), kTcp)), seconds(42));
}

TEST_F(EndOfFlowTest, UsesTheEventWhereTheKernelHasNoTimestamps) {
  Flow flow;
  flow.event_time = kStart;
  correct_times(flow, timeouts_, counters_);
  EXPECT_EQ(flow.start, kStart);
  EXPECT_EQ(flow.end, kStart);
  EXPECT_EQ(counters_.end_from_event, 1U);
  EXPECT_EQ(counters_.end_from_stop, 0U);
}

TEST_F(EndOfFlowTest, StaysWithinBoundsWhenTheClockWasSetBack) {
  Flow flow = removed_after(seconds(100));
  flow.event_time = kStart - seconds(3600);
  correct_times(flow, timeouts_, counters_);
  EXPECT_EQ(flow.start, flow.event_time);
  EXPECT_EQ(flow.end, flow.event_time);
}

TEST_F(EndOfFlowTest, StaysWithinBoundsWhenTheClockWasSetForward) {
  Flow flow = removed_after(seconds(0));
  flow.end = kStart - seconds(1'000'000'000);  // stop before start
  correct_times(flow, timeouts_, counters_);
  EXPECT_EQ(flow.end, flow.start);
}

TEST_F(EndOfFlowTest, ReasonIsIdleForAnExpiredEntry) {
  EXPECT_EQ(end_reason(removed_after(seconds(42))), EndReason::kIdleTimeout);
  EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), kTcp), kEstablished)),
            EndReason::kIdleTimeout);
}

TEST_F(EndOfFlowTest, ReasonIsEndOfFlowWhereBothSidesClosed) {
  for (std::uint8_t state = 6; state <= 8; ++state) {
    EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), kTcp), state)),
              EndReason::kEndOfFlow);
  }
  EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), 132), 1)), EndReason::kEndOfFlow);
  EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), 132), 7)), EndReason::kEndOfFlow);
  EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), 132), 4)), EndReason::kIdleTimeout);
  EXPECT_EQ(end_reason(with_state(removed_after(seconds(42), 33), 7)), EndReason::kEndOfFlow);
  // A TCP reset removes the entry at once, in CLOSE and with time left.
  EXPECT_EQ(end_reason(with_time_left(with_state(removed_after(seconds(42), kTcp), 8), 9)),
            EndReason::kEndOfFlow);
}

TEST_F(EndOfFlowTest, ReasonIsForcedWhereSomebodyRemovedIt) {
  Flow flow = with_state(removed_after(seconds(42), kTcp), kTimeWait);
  flow.port_id = 1234;
  EXPECT_EQ(end_reason(flow), EndReason::kForcedEnd);
  EXPECT_EQ(end_reason(with_time_left(removed_after(seconds(42)), 20)), EndReason::kForcedEnd);
}

}  // namespace
}  // namespace ctflow
