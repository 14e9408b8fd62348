// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/decode_record.hpp"

#include <gtest/gtest.h>

#include "support/fake_programs.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using test::kSecond;
using test::MeasuredConnection;

const MeasuredConnection kConnection{
    .original_counters = 10, .reply_counters = 5, .last = 2 * kSecond};

TEST(DecodeRecord, HasWhatAMessageWouldHave) {
  ctflow_record record = test::record(CTFLOW_ENDED, kConnection, 32 * kSecond);
  record.mark = 42;
  record.port_id = 77;
  record.reason = 1;
  Flow flow;
  const Instant now = test::instant(40 * kSecond);
  ASSERT_EQ(decode_record(record, now, flow), DecodeResult::kFlow);
  EXPECT_EQ(flow.event, FlowEvent::kEnded);
  EXPECT_EQ(flow.original.family, AddressFamily::kIpv4);
  EXPECT_EQ(flow.original.source.octets[0], 10);
  EXPECT_EQ(flow.original.source_port, 1000);
  EXPECT_EQ(flow.original.destination_port, 53);
  EXPECT_EQ(flow.reply.source_port, 53);
  EXPECT_EQ(flow.original.protocol, 17);
  EXPECT_EQ(flow.original_counters, (Counters{9, 900})) << "conntrack's";
  EXPECT_EQ(flow.extras.original.wire, (Counters{10, 1000}));
  EXPECT_EQ(flow.extras.reason, 1);
  EXPECT_EQ(flow.mark, 42U);
  EXPECT_EQ(flow.port_id, 77U);
  EXPECT_EQ(flow.status, 0x18eU);
  EXPECT_EQ(flow.start, test::instant(0).wall);
  EXPECT_EQ(flow.end, now.wall - seconds(8)) << "it expired just then";
  EXPECT_TRUE(flow.present.start && flow.present.stop && flow.present.counters);
  EXPECT_FALSE(flow.present.timeout);
  EXPECT_FALSE(flow.present.state) << "UDP has none";
}

TEST(DecodeRecord, HasTheExpiryAndTheTimeThatWasLeft) {
  ctflow_record record = test::record(CTFLOW_ENDED, kConnection, 40 * kSecond);
  record.timeout = -static_cast<__s64>(3 * kSecond);
  Flow flow;
  decode_record(record, test::instant(40 * kSecond), flow);
  EXPECT_EQ(flow.end, test::instant(37 * kSecond).wall);
  EXPECT_FALSE(flow.present.timeout);
  record.timeout = static_cast<__s64>(2 * kSecond + 1);
  decode_record(record, test::instant(40 * kSecond), flow);
  EXPECT_EQ(flow.end, test::instant(40 * kSecond).wall);
  EXPECT_TRUE(flow.present.timeout);
  EXPECT_EQ(flow.timeout, 2U);
}

TEST(DecodeRecord, NamesTheZoneAsTheMessageDoes) {
  ctflow_record record = test::record(CTFLOW_REPORTED, kConnection, 0);
  record.zone = 9;
  Flow flow;
  ASSERT_EQ(decode_record(record, test::instant(0), flow), DecodeResult::kReport);
  EXPECT_EQ(flow.zone, 9);
  EXPECT_EQ(flow.reply.zone, 9);
  record.zone_direction = 1;
  decode_record(record, test::instant(0), flow);
  EXPECT_EQ(flow.zone, 0);
  EXPECT_EQ(flow.original.zone, 9);
  EXPECT_EQ(flow.reply.zone, 0);
}

TEST(DecodeRecord, ReadsIcmpAndStates) {
  ctflow_record record = test::record(CTFLOW_ENDED, kConnection, 0);
  record.tuple[0].protocol = record.tuple[1].protocol = IPPROTO_ICMP;
  record.tuple[0].source_port = htons(0x1234);
  record.tuple[0].destination_port = htons(0x0801);
  Flow flow;
  decode_record(record, test::instant(0), flow);
  EXPECT_EQ(flow.original.icmp_id, 0x1234);
  EXPECT_EQ(flow.original.icmp_type, 8);
  EXPECT_EQ(flow.original.icmp_code, 1);
  EXPECT_EQ(flow.original.source_port, 0);
  record.tuple[0].protocol = IPPROTO_TCP;
  record.state = 7;
  decode_record(record, test::instant(0), flow);
  EXPECT_TRUE(flow.present.state);
  EXPECT_EQ(flow.state, 7);
}

TEST(DecodeRecord, ABeginningHasNoCounters) {
  Flow flow;
  ASSERT_EQ(decode_record(test::record(CTFLOW_CREATED, kConnection, 0), test::instant(0), flow),
            DecodeResult::kCreated);
  EXPECT_EQ(flow.event, FlowEvent::kCreated);
  EXPECT_FALSE(flow.present.counters);
  EXPECT_FALSE(flow.extras.present);
}

TEST(DecodeRecord, RefusesWhatNoProgramSends) {
  Flow flow;
  ctflow_record record = test::record(CTFLOW_ENDED, kConnection, 0);
  record.event = 4;
  EXPECT_EQ(decode_record(record, test::instant(0), flow), DecodeResult::kMalformed);
  record = test::record(CTFLOW_ENDED, kConnection, 0);
  record.tuple[1].family = AF_UNIX;
  EXPECT_EQ(decode_record(record, test::instant(0), flow), DecodeResult::kMalformed);
}

}  // namespace
}  // namespace ctflow
