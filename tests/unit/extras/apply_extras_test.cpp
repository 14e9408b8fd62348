// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/apply_extras.hpp"

#include <gtest/gtest.h>

#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1'700'000'000)};

DirectionExtras seen(seconds first, seconds last) {
  DirectionExtras extras;
  extras.first = kStart + first;
  extras.last = kStart + last;
  extras.has_times = true;
  return extras;
}

class ApplyExtrasTest : public testing::Test {
 protected:
  ApplyExtrasTest() {
    flow_.start = kStart + seconds(1);
    flow_.end = kStart + seconds(100);
    flow_.event_time = kStart + seconds(200);
    flow_.end_reason = EndReason::kIdleTimeout;
    flow_.extras.present = true;
  }
  void apply() { apply_extras(flow_, counters_); }
  EndReason reason(std::uint8_t measured, EndReason estimated = EndReason::kIdleTimeout) {
    flow_.extras.reason = measured;
    flow_.end_reason = estimated;
    apply();
    return flow_.end_reason;
  }

  Flow flow_;
  SourceCounters counters_;
};

TEST_F(ApplyExtrasTest, ChangesNothingOnAStockKernel) {
  flow_.extras = KernelExtras{};
  flow_.extras.original.has_times = true;
  apply();
  EXPECT_EQ(flow_.end, kStart + seconds(100));
  EXPECT_EQ(counters_.end_from_packets, 0U);
}

TEST_F(ApplyExtrasTest, TakesTheFirstAndTheLastPacketOfEitherDirection) {
  flow_.extras.original = seen(seconds(0), seconds(5));
  flow_.extras.reply = seen(seconds(1), seconds(9));
  EXPECT_TRUE(has_packet_times(flow_.extras));
  apply();
  EXPECT_EQ(flow_.start, kStart);
  EXPECT_EQ(flow_.end, kStart + seconds(9));
  EXPECT_EQ(counters_.end_from_packets, 1U);
}

TEST_F(ApplyExtrasTest, NeverEndsAfterTheEvent) {
  flow_.event_time = kStart - seconds(10);
  flow_.extras.reply = seen(seconds(0), seconds(5));
  apply();
  EXPECT_EQ(flow_.start, flow_.event_time);
  EXPECT_EQ(flow_.end, flow_.event_time);
}

TEST_F(ApplyExtrasTest, TakesTheCountersOfTheWireWhereTheyWereMeasured) {
  flow_.original_counters = {1, 60};
  flow_.reply_counters = {1, 40};
  flow_.extras.original.wire = {3, 180};
  flow_.extras.original.has_wire = false;
  apply();
  EXPECT_EQ(flow_.original_counters, (Counters{1, 60}));
  flow_.extras.original.has_wire = true;
  apply();
  EXPECT_EQ(flow_.original_counters, (Counters{3, 180}));
  EXPECT_EQ(flow_.reply_counters, (Counters{0, 0}))
      << "a direction without measurements had no packet";
  EXPECT_TRUE(flow_.present.counters) << "also where nf_conntrack_acct is 0";
}

TEST_F(ApplyExtrasTest, TakesTheInterfacesThatAreTold) {
  flow_.extras.original.interfaces = {3, 4};
  flow_.extras.original.has_interfaces = true;
  apply();
  EXPECT_EQ(flow_.original_interfaces, (Interfaces{3, 4}));
  EXPECT_EQ(flow_.reply_interfaces, Interfaces{});
}

TEST_F(ApplyExtrasTest, TranslatesTheReason) {
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TCP_CLOSE), EndReason::kEndOfFlow);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TCP_RESET), EndReason::kEndOfFlow);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TCP_REOPEN), EndReason::kEndOfFlow);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_NETLINK), EndReason::kForcedEnd);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_OTHER), EndReason::kForcedEnd);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_EARLY_DROP, EndReason::kForcedEnd),
            EndReason::kLackOfResources);
}

TEST_F(ApplyExtrasTest, KeepsTheOwnReasonWhereTheKernelHasNone) {
  EXPECT_EQ(reason(0, EndReason::kForcedEnd), EndReason::kForcedEnd);
  EXPECT_EQ(reason(200, EndReason::kEndOfFlow), EndReason::kEndOfFlow);
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TIMEOUT, EndReason::kEndOfFlow), EndReason::kEndOfFlow);
}

TEST_F(ApplyExtrasTest, ATimeoutBehindTheLastSegmentsIsTheEndOfTheFlow) {
  flow_.extras.original.tcp_control_bits = 0x013;
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TIMEOUT), EndReason::kIdleTimeout) << "half closed";
  flow_.extras.reply.tcp_control_bits = 0x011;
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TIMEOUT), EndReason::kEndOfFlow);
  flow_.extras.original.tcp_control_bits = 0x002;
  flow_.extras.reply.tcp_control_bits = 0x014;
  EXPECT_EQ(reason(NF_CT_FLOW_REASON_TIMEOUT), EndReason::kEndOfFlow);
}

}  // namespace
}  // namespace ctflow
