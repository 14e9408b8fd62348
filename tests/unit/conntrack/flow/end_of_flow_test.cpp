// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/end_of_flow.hpp"

#include <gtest/gtest.h>

#include <random>

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kEstablished = 3;
constexpr std::uint8_t kTimeWait = 7;
constexpr std::uint8_t kClose = 8;

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
  static Flow with_status(Flow flow, std::uint32_t bits) {
    flow.status = bits;
    return flow;
  }
  static Flow with_time_left(Flow flow, std::uint32_t left) {
    flow.timeout = left;
    flow.present.timeout = true;
    return flow;
  }
  /// Where the corrected end lies, from kStart; of a second in which it lies, the first whole one.
  seconds end_of(Flow flow, const std::optional<Bounds>& bounds = std::nullopt) {
    found_ = correct_times(flow, timeouts_, bounds, flow.event_time, counters_);
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    return std::chrono::floor<seconds>(flow.end - kStart);
  }

  TimeoutHistory timeouts_;
  SourceCounters counters_;
  LastPacket found_;
};

TEST_F(EndOfFlowTest, TakesTheTimeoutOffAnExpiredEntry) {
  EXPECT_EQ(end_of(removed_after(seconds(42))), seconds(12));
  EXPECT_EQ(end_of(with_state(removed_after(seconds(125), kTcp), kTimeWait)), seconds(5));
  EXPECT_EQ(counters_.end_from_timeout, 2U);
}

TEST_F(EndOfFlowTest, TakesOnlyTheUsedPartOffAnEntryRemovedEarly) {
  // 20 of 30 s were left: the last packet came 10 s before the removal.
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(42)), 20)), seconds(32));
  EXPECT_EQ(found_.error, milliseconds(500) + LastPacketSearch::kTick);
  // More left than the timeout: no setting explains that.
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(42)), 50)), seconds(42));
  EXPECT_EQ(found_.error, seconds(42) + LastPacketSearch::kTick);
  EXPECT_EQ(counters_.end_unexplained, 1U);
}

TEST_F(EndOfFlowTest, AllowsForTheTimeThatTheKernelTookToWriteAnEntry) {
  // 20 of 30 s are left of an entry that was written from 40 to 42 s after the start: its last
  // packet came 10 s before, rounded down.
  Flow flow = with_time_left(removed_after(seconds(42)), 20);
  flow.event = FlowEvent::kReported;
  flow.present.stop = false;
  flow.event_time = kStart + seconds(42);
  const LastPacket found =
      correct_times(flow, timeouts_, std::nullopt, kStart + seconds(40), counters_);
  EXPECT_EQ(found.time, kStart + milliseconds(31'500)) << "the middle of 30 to 33 s";
  EXPECT_EQ(found.error, milliseconds(1500) + LastPacketSearch::kTick);
  EXPECT_TRUE(found.explained);
}

TEST_F(EndOfFlowTest, FindsTheShorterTimeoutOfUnansweredTcp) {
  // Five days would reach back before the start: it was the 300 s of unacknowledged data.
  EXPECT_EQ(end_of(with_state(removed_after(seconds(310), kTcp), kEstablished)), seconds(10));
  const Flow idle = with_state(removed_after(seconds(432'010), kTcp), kEstablished);
  EXPECT_EQ(end_of(with_status(idle, status::kSeenReply)), seconds(10));
}

TEST_F(EndOfFlowTest, IsTheRemovalWhereAResetCameBeforeAnyAnswer) {
  // A SYN, and 112 s later the RST: of the 120 s of SYN_SENT 8 are left, less than the 10 of CLOSE.
  const Flow refused = with_time_left(with_state(removed_after(seconds(112), kTcp), kClose), 8);
  EXPECT_EQ(end_of(refused), seconds(112));
  // In the last second the kernel tells no timeout.
  EXPECT_EQ(end_of(with_state(removed_after(seconds(119), kTcp), kClose)), seconds(119));
  // Behind an answer the RST sets the timeout of CLOSE.
  EXPECT_EQ(end_of(with_status(refused, status::kSeenReply)), seconds(110));
}

TEST_F(EndOfFlowTest, KnowsTheTimeoutOfTcpSeenOnOneSide) {
  // Picked up in its middle ten days ago: not five days but 300 s of silence removed it.
  const Flow long_lived = with_state(removed_after(seconds(864'000), kTcp), kEstablished);
  EXPECT_EQ(end_of(long_lived), seconds(863'700));
  EXPECT_EQ(end_of(with_time_left(long_lived, 290)), seconds(863'990));
  EXPECT_EQ(end_of(with_status(long_lived, status::kSeenReply)), seconds(432'000));
}

struct EndCase {
  const char* what;
  std::uint8_t protocol;
  std::uint32_t status;
  int state;         ///< -1: not reported
  int left;          ///< -1: not reported
  int stop;          ///< seconds from the start
  int end;           ///< expected, seconds from the start
  EndReason reason;  ///< expected
};

TEST_F(EndOfFlowTest, FollowsTheTrackersOfTheKernel) {
  constexpr std::uint32_t kReplied = status::kSeenReply;
  constexpr std::uint32_t kStream = status::kSeenReply | status::kAssured;
  constexpr EndReason kIdle = EndReason::kIdleTimeout;
  constexpr EndReason kForced = EndReason::kForcedEnd;
  constexpr EndReason kClosed = EndReason::kEndOfFlow;
  const EndCase cases[] = {
      {"UDP, not answered", 17, 0, -1, -1, 40, 10, kIdle},
      {"UDP, answered within two seconds", 17, kReplied, -1, -1, 40, 10, kIdle},
      {"UDP, a stream", 17, kStream, -1, -1, 200, 80, kIdle},
      {"UDP, a stream removed early", 17, kStream, -1, 100, 200, 180, kForced},
      {"UDP-Lite, a stream", 136, kStream, -1, -1, 200, 80, kIdle},
      {"GRE, not answered", 47, 0, -1, -1, 40, 10, kIdle},
      {"GRE, answered", 47, kStream, -1, -1, 200, 20, kIdle},
      {"ICMP", 1, kReplied, -1, -1, 40, 10, kIdle},
      {"ICMPv6", 58, kReplied, -1, -1, 40, 10, kIdle},
      {"no tracker", 89, 0, -1, -1, 700, 100, kIdle},
      {"no tracker, removed early", 89, 0, -1, 590, 700, 690, kForced},
      {"TCP, not answered", 6, 0, 1, -1, 125, 5, kIdle},
      {"TCP, half open", 6, kReplied, 2, -1, 65, 5, kIdle},
      {"TCP, idle for five days", 6, kStream, 3, -1, 432'100, 100, kIdle},
      {"TCP, established, removed early", 6, kStream, 3, 431'990, 100, 90, kForced},
      {"TCP, data unacknowledged, removed early", 6, kStream, 3, 280, 100, 80, kForced},
      {"TCP, one side closed", 6, kStream, 4, -1, 130, 10, kIdle},
      {"TCP, the other side closed", 6, kStream, 5, -1, 70, 10, kIdle},
      {"TCP, last ACK missing", 6, kStream, 6, -1, 40, 10, kClosed},
      {"TCP, closed", 6, kStream, 7, -1, 130, 10, kClosed},
      {"TCP, closed and opened anew", 6, kStream, 7, 100, 130, 110, kClosed},
      {"TCP, reset", 6, kStream, 8, -1, 20, 10, kClosed},
      {"TCP, refused", 6, 0, 8, 119, 1, 1, kClosed},
      {"TCP, offloaded, given a day", 6, kStream | 1U << 14, 3, 86'000, 100, 100, kForced},
      {"TCP, an hour by a policy", 6, kStream, 3, 3'500, 100, 50, kForced},
      {"TCP, reset out of sequence", 6, kStream, 3, -1, 20, 10, kIdle},
      {"TCP, reset out of sequence, removed early", 6, kStream, 3, 4, 20, 14, kForced},
      {"TCP, all within the first second", 6, kStream, 3, 431'989, 11, 0, kForced},
      {"UDP, a fixed timeout", 17, 1U << 10, -1, -1, 40, 40, kIdle},
      {"TCP, old kernel", 6, kStream, -1, -1, 130, 130, kIdle},
      {"SCTP, INIT not answered", 132, 0, 1, -1, 15, 5, kIdle},
      {"SCTP, aborted", 132, kReplied, 1, -1, 15, 5, kClosed},
      {"SCTP, idle", 132, kStream, 4, -1, 220, 10, kIdle},
      {"SCTP, shut down", 132, kStream, 7, -1, 13, 10, kClosed},
      {"DCCP, closed", 33, kStream, 7, -1, 250, 10, kClosed},
  };
  for (const EndCase& given : cases) {
    SCOPED_TRACE(given.what);
    Flow flow = with_status(removed_after(seconds(given.stop), given.protocol), given.status);
    if (given.state >= 0) flow = with_state(flow, static_cast<std::uint8_t>(given.state));
    if (given.left >= 0) flow = with_time_left(flow, static_cast<std::uint32_t>(given.left));
    EXPECT_EQ(end_reason(flow), given.reason);
    EXPECT_EQ(end_of(flow), seconds(given.end));
  }
}

TEST_F(EndOfFlowTest, TellsTheErrorOfWhatItCannotDecide) {
  constexpr std::uint32_t kStream = status::kSeenReply | status::kAssured;
  // Ten minutes, then 300 s of unacknowledged data, or a reset out of sequence 10 s before.
  const Flow gone =
      with_status(with_state(removed_after(seconds(900), kTcp), kEstablished), kStream);
  EXPECT_EQ(end_of(gone), seconds(600));
  EXPECT_EQ(found_.error, seconds(290) + LastPacketSearch::kTick);
  EXPECT_EQ(counters_.end_ambiguous, 1U);
  // A scan saw it grow in the last half minute: it was the reset.
  EXPECT_EQ(end_of(gone, Bounds{kStart + seconds(871), kStart + seconds(901)}), seconds(890));
  EXPECT_EQ(found_.error, LastPacketSearch::kTick);
  EXPECT_EQ(counters_.end_ambiguous, 1U);
}

TEST_F(EndOfFlowTest, HoldsWhatPassesSawAgainstAPolicy) {
  // 60 s by a policy instead of 30: counted back by 30 the end is behind what a scan saw.
  const Bounds bounds{kStart + seconds(10), kStart + seconds(38)};
  EXPECT_EQ(end_of(removed_after(seconds(80)), bounds), seconds(38));
  EXPECT_EQ(found_.error, seconds(28) + LastPacketSearch::kTick);
  EXPECT_EQ(counters_.end_from_dump, 1U);
  EXPECT_EQ(counters_.end_unexplained, 1U);
}

TEST_F(EndOfFlowTest, TakesTheTimeoutThatWasInForceAtTheLastPacket) {
  TimeoutsRead read;
  read.values.udp = seconds(75);
  timeouts_.observe(read, kStart - seconds(100));
  timeouts_.observe(read, kStart + seconds(50));
  read.values.udp = seconds(20);
  timeouts_.observe(read, kStart + seconds(52));
  EXPECT_EQ(end_of(removed_after(seconds(200))), seconds(180));
  EXPECT_EQ(end_of(removed_after(seconds(72))), seconds(52)) << "75 s reach back before the start";
  EXPECT_EQ(counters_.end_ambiguous, 0U);
  EXPECT_EQ(end_of(removed_after(seconds(115))), seconds(40));
  EXPECT_EQ(found_.error, seconds(55) + LastPacketSearch::kTick) << "or at 95";
  EXPECT_EQ(counters_.end_ambiguous, 1U);
  const Bounds seen{kStart + seconds(70), kStart + seconds(100)};
  EXPECT_EQ(end_of(removed_after(seconds(115)), seen), seconds(95)) << "a scan saw it grow";
  Flow gre = removed_after(seconds(80), 47);
  EXPECT_EQ(end_of(gre), seconds(50)) << "no other timeout of GRE was set";
}

TEST_F(EndOfFlowTest, GreKeepsTheTimeoutOfItsBeginning) {
  TimeoutsRead read;
  timeouts_.observe(read, kStart - seconds(100));
  timeouts_.observe(read, kStart + seconds(1));
  read.values.gre = seconds(100);
  timeouts_.observe(read, kStart + seconds(3));
  EXPECT_EQ(end_of(removed_after(seconds(150), 47)), seconds(120));
  EXPECT_FALSE(found_.ambiguous);
}

TEST_F(EndOfFlowTest, CannotKnowATimeoutThatWasInForceBetweenTwoReadings) {
  // Both readings find 30 s; at kStart, when GRE sent its only packets, it was 90 s.
  timeouts_.observe({}, kStart - seconds(1));
  timeouts_.observe({}, kStart + seconds(1));
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(10), 47), 79)), seconds(10));
  EXPECT_FALSE(found_.explained);
  EXPECT_EQ(found_.error, seconds(10) + LastPacketSearch::kTick);
  EXPECT_EQ(end_of(with_time_left(removed_after(seconds(78), 47), 11)), seconds(59));
  EXPECT_TRUE(found_.explained) << "30 s fit by chance";
}

TEST_F(EndOfFlowTest, KnowsWhenTheOnlyPacketCame) {
  // Either 30 s of silence removed it, or it is a policy of 300 s.
  Flow flow = removed_after(seconds(30));
  flow.present.counters = true;
  flow.original_counters = {1, 100};
  EXPECT_EQ(end_of(flow), seconds(0));
  EXPECT_EQ(found_.error, LastPacketSearch::kTick);
  flow = with_time_left(flow, 250);
  EXPECT_EQ(end_of(flow), seconds(0));
  EXPECT_FALSE(found_.explained);
}

TEST_F(EndOfFlowTest, DoubtsTheLastSecondOfWhatSomebodyRemoved) {
  Flow flow = removed_after(seconds(42));
  flow.port_id = 1234;  // with less than a second left the kernel does not say so
  end_of(flow);
  EXPECT_EQ(found_.time, kStart + milliseconds(12'500));
  EXPECT_EQ(found_.error, milliseconds(500) + LastPacketSearch::kTick);
}

TEST_F(EndOfFlowTest, ClaimsNothingOfTimeoutsThatCouldNeverBeRead) {
  TimeoutHistory unread;
  unread.observe({Timeouts{}, TimeoutsRead::Failure{}}, kStart);
  Flow flow = removed_after(seconds(42));
  const LastPacket found = correct_times(flow, unread, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(found.time, kStart + seconds(12)) << "by the default";
  EXPECT_EQ(found.error, seconds(30));
}

TEST_F(EndOfFlowTest, FindsOfUsualEndsWhatASearchFinds) {
  constexpr std::uint8_t kProtocols[] = {1, kTcp, kUdp, 33, 47, 58, 132, 200};
  std::minstd_rand random(3);
  TimeoutHistory changed = timeouts_;
  TimeoutsRead read;
  changed.observe(read, kStart - seconds(10));
  read.values.udp = seconds(7);
  changed.observe(read, kStart + seconds(40));
  TimeoutHistory none;
  read.values.udp = read.values.icmp = seconds(0);
  none.observe(read, kStart - seconds(10));
  int expired = 0;
  int early = 0;
  int forced = 0;
  int at_the_only_packet = 0;
  for (int i = 0; i < 400'000; ++i) {
    Flow flow = removed_after(seconds(random() % 400), kProtocols[random() % 8]);
    flow.end += milliseconds(random() % 1000);
    if (random() % 3 == 0) {  // about as long after the first packet as one timeout lasts
      constexpr std::int64_t kTimeouts[] = {0, 10, 30, 60, 120};
      flow.end = flow.start + seconds(kTimeouts[random() % 5]) +
                 milliseconds(static_cast<std::int64_t>(random() % 240) - 120);
    }
    flow.event_time = flow.end + milliseconds(random() % 100);
    if (random() % 20 == 0) flow.event_time = flow.end - seconds(random() % 500);
    if (random() % 10 == 0) flow.event = FlowEvent::kReported;
    flow.present.timeout = random() % 3 == 0;
    if (flow.present.timeout) flow.timeout = static_cast<std::uint32_t>(random() % 130);
    if (random() % 5 == 0) flow.port_id = 9;
    flow.present.counters = random() % 10 != 0;
    flow.original_counters = {1 + random() % 3, 500};
    flow.reply_counters = {random() % 3, 500};
    flow.status = random() % 2 == 0 ? 0x20eU : static_cast<std::uint32_t>(random() & 0xffff);
    flow.present.state = random() % 4 != 0;
    flow.state = static_cast<std::uint8_t>(random() % 11);
    const TimeoutHistory* const histories[] = {&changed, &none, &timeouts_, &timeouts_};
    const TimeoutHistory& timeouts = *histories[random() % 4];
    Flow searched = flow;
    Flow usual = flow;
    SourceCounters by_search;
    SourceCounters counted;
    const LastPacket found =
        correct_times(searched, timeouts, std::nullopt, flow.event_time, by_search);
    if (!correct_usual_times(usual, timeouts, counted)) {
      ASSERT_EQ(usual.start, flow.start) << i;
      ASSERT_EQ(usual.end, flow.end) << i;
      ASSERT_EQ(counted.end_from_timeout, 0U) << i;
      continue;
    }
    ASSERT_EQ(usual.start, searched.start) << i;
    ASSERT_EQ(usual.end, searched.end) << i;
    ASSERT_TRUE(found.explained) << i;
    ASSERT_FALSE(found.ambiguous) << i;
    ASSERT_EQ(counted.end_from_timeout, by_search.end_from_timeout) << i;
    (flow.present.timeout ? early : flow.port_id != 0 ? forced : expired) += 1;
    const std::uint64_t packets = flow.original_counters.packets + flow.reply_counters.packets;
    at_the_only_packet += packets == 1 && usual.end == usual.start ? 1 : 0;
  }
  EXPECT_GT(expired, 10'000);
  EXPECT_GT(early, 2'000);
  EXPECT_GT(forced, 1'000);
  EXPECT_GT(at_the_only_packet, 100);
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
  correct_times(flow, timeouts_, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(flow.start, kStart);
  EXPECT_EQ(flow.end, kStart);
  EXPECT_EQ(counters_.end_from_event, 1U);
  EXPECT_EQ(counters_.end_from_timeout, 0U);
}

TEST_F(EndOfFlowTest, StaysWithinBoundsWhenTheClockWasSetBack) {
  Flow flow = removed_after(seconds(100));
  flow.event_time = kStart - seconds(3600);
  correct_times(flow, timeouts_, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(flow.start, flow.event_time);
  EXPECT_EQ(flow.end, flow.event_time);
}

TEST_F(EndOfFlowTest, StaysWithinBoundsWhenTheClockWasSetForward) {
  Flow flow = removed_after(seconds(0));
  flow.end = kStart - seconds(1'000'000'000);  // stop before start
  correct_times(flow, timeouts_, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(flow.end, flow.start);
}

/// Under UndefinedBehaviorSanitizer: a recording may hold the latest time that event_file.cpp
/// takes, and an entry any timeout.
TEST_F(EndOfFlowTest, DoesNotOverflowAtTheEndOfTime) {
  Flow flow = with_time_left(removed_after(seconds(0)), 0xffff'ffff);
  flow.start = flow.end = flow.event_time = TimePoint(seconds(std::int64_t{1} << 33));
  correct_times(flow, timeouts_, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(flow.end, flow.event_time);
  flow.event = FlowEvent::kReported;
  correct_times(flow, timeouts_, std::nullopt, flow.event_time, counters_);
  EXPECT_EQ(flow.end, flow.event_time);
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
  EXPECT_EQ(
      end_reason(with_status(with_state(removed_after(seconds(42), 132), 1), status::kSeenReply)),
      EndReason::kEndOfFlow);
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
