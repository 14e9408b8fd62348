// SPDX-License-Identifier: GPL-2.0-or-later
// Octets against the tables of Cisco's "NetFlow Export Datagram Format" for version 5.
#include "encode/netflow5.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "support/sample_flows.hpp"

namespace ctflow::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();

/// What a collector reads of one record.
struct RecordRead {
  std::vector<std::uint8_t> octets;

  [[nodiscard]] std::uint64_t at(std::size_t offset, std::size_t length) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < length; ++i) value = value << 8 | octets.at(offset + i);
    return value;
  }
};

struct DatagramRead {
  RecordRead header;
  std::vector<RecordRead> records;

  /// When the exporter's uptime was 0, in milliseconds since 1970.
  [[nodiscard]] std::int64_t base() const {
    return static_cast<std::int64_t>(header.at(8, 4) * 1000 + header.at(12, 4) / 1'000'000) -
           static_cast<std::int64_t>(header.at(4, 4));
  }
  [[nodiscard]] std::int64_t first(std::size_t i) const {
    return base() + static_cast<std::int64_t>(records.at(i).at(24, 4));
  }
  [[nodiscard]] std::int64_t last(std::size_t i) const {
    return base() + static_cast<std::int64_t>(records.at(i).at(28, 4));
  }
  [[nodiscard]] std::uint64_t sum(std::size_t offset) const {
    std::uint64_t all = 0;
    for (const RecordRead& one : records) all += one.at(offset, 4);
    return all;
  }
};

DatagramRead read(std::span<const std::byte> message) {
  const auto part = [&](std::size_t from, std::size_t length) {
    RecordRead result;
    for (const std::byte octet : message.subspan(from, length)) {
      result.octets.push_back(std::to_integer<std::uint8_t>(octet));
    }
    return result;
  };
  DatagramRead result{part(0, 24), {}};
  for (std::size_t at = 24; at < message.size(); at += 48) {
    result.records.push_back(part(at, 48));
  }
  return result;
}

Flow answered() {
  Flow flow;
  flow.original =
      tuple_of(AddressFamily::kIpv4, 6, ipv4(192, 0, 2, 1), ipv4(198, 51, 100, 2), 0x1234, 0x5678);
  flow.reply = tuple_of(AddressFamily::kIpv4, 6, ipv4(198, 51, 100, 2), ipv4(203, 0, 113, 3),
                        0x5678, 0x9abc);
  flow.status = status::kSourceNat;
  flow.original_counters = {0x01020304, 0x05060708};
  flow.reply_counters = {3, 400};
  flow.start = kSampleStart;
  flow.end = kSampleEnd;
  flow.original_interfaces = {0x0a0b, 70'000};
  flow.reply_interfaces = {0x0c0d, 0x0a0b};
  flow.original_routing.next_hop = ipv4(10, 1, 2, 3);
  flow.original_routing.source_prefix_length = 24;
  flow.original_routing.destination_prefix_length = 16;
  flow.extras.present = true;
  flow.extras.original.tcp_control_bits = 0x11b;
  flow.extras.original.class_of_service = 0xb8;
  return flow;
}

class Netflow5Test : public testing::Test {
 protected:
  void boot_at(TimePoint boot, bool extras = true) {
    EncoderOptions options;
    options.observation_domain = kSampleDomain;
    options.extras = extras;
    encoder_ = std::make_unique<Netflow5Encoder>(options, boot);
  }
  void SetUp() override { boot_at(kSampleBoot); }

  DatagramRead encode(const Flow& flow, TimePoint now = kSampleNow) {
    encoder_->begin(buffer_);
    EXPECT_TRUE(encoder_->add(flow));
    return read(encoder_->finish(now));
  }

  std::vector<std::byte> buffer_ = std::vector<std::byte>(1464);
  std::unique_ptr<Netflow5Encoder> encoder_;
};

TEST_F(Netflow5Test, HasEachFieldInItsPlace) {
  const DatagramRead message = encode(answered());
  EXPECT_EQ(message.header.at(0, 2), 5U);
  EXPECT_EQ(message.header.at(2, 2), 2U);
  EXPECT_EQ(message.header.at(8, 4), 1'700'000'070U);
  EXPECT_EQ(message.header.at(12, 4), 0U) << "whole milliseconds";
  EXPECT_EQ(message.header.at(16, 4), 0U);
  EXPECT_EQ(message.header.at(20, 2), 0xD3D4U) << "the engine";
  EXPECT_EQ(message.header.at(22, 2), 0U) << "not sampled";
  ASSERT_EQ(message.records.size(), 2U);
  const RecordRead& one = message.records[0];
  EXPECT_EQ(one.at(0, 4), 0xC0000201U);
  EXPECT_EQ(one.at(4, 4), 0xC6336402U);
  EXPECT_EQ(one.at(8, 4), 0x0A010203U);
  EXPECT_EQ(one.at(12, 2), 0x0a0bU);
  EXPECT_EQ(one.at(14, 2), 0U) << "an ifIndex above 65535";
  EXPECT_EQ(one.at(16, 4), 0x01020304U);
  EXPECT_EQ(one.at(20, 4), 0x05060708U);
  EXPECT_EQ(message.first(0), kSampleStart.time_since_epoch() / milliseconds(1));
  EXPECT_EQ(message.last(0), kSampleEnd.time_since_epoch() / milliseconds(1));
  EXPECT_EQ(one.at(32, 2), 0x1234U);
  EXPECT_EQ(one.at(34, 2), 0x5678U);
  EXPECT_EQ(one.at(36, 1), 0U);
  EXPECT_EQ(one.at(37, 1), 0x1bU) << "eight TCP flags";
  EXPECT_EQ(one.at(38, 1), 6U);
  EXPECT_EQ(one.at(39, 1), 0xb8U);
  EXPECT_EQ(one.at(40, 4), 0U) << "autonomous systems";
  EXPECT_EQ(one.at(44, 1), 24U);
  EXPECT_EQ(one.at(45, 1), 16U);
  EXPECT_EQ(one.at(46, 2), 0U);
}

TEST_F(Netflow5Test, MirrorsTheOriginalTupleForTheResponder) {
  const DatagramRead message = encode(answered());
  const RecordRead& back = message.records.at(1);
  EXPECT_EQ(back.at(0, 4), 0xC6336402U);
  EXPECT_EQ(back.at(4, 4), 0xC0000201U);
  EXPECT_EQ(back.at(16, 4), 3U);
  EXPECT_EQ(back.at(20, 4), 400U);
  EXPECT_EQ(back.at(32, 2), 0x5678U);
  EXPECT_EQ(back.at(34, 2), 0x1234U);
}

TEST_F(Netflow5Test, HasNoRecordOfADirectionWithoutPackets) {
  Flow flow = answered();
  flow.reply_counters = {};
  EXPECT_EQ(encode(flow).records.size(), 1U);
  flow.reply_counters = {1, 2};
  flow.original_counters = {};
  const DatagramRead message = encode(flow);
  ASSERT_EQ(message.records.size(), 1U);
  EXPECT_EQ(message.records[0].at(0, 4), 0xC6336402U);
}

TEST_F(Netflow5Test, HasTypeAndCodeOfIcmpInPlaceOfTheDestinationPort) {
  Flow flow = answered();
  flow.original.protocol = flow.reply.protocol = 1;
  flow.original.icmp_type = 8;
  flow.original.icmp_code = 0;
  flow.reply.icmp_type = 0;
  const DatagramRead message = encode(flow);
  EXPECT_EQ(message.records.at(0).at(32, 4), 0x0000'0800U);
  EXPECT_EQ(message.records.at(1).at(32, 4), 0U);
}

TEST_F(Netflow5Test, CountsRecordsInItsSequence) {
  encode(answered());
  EXPECT_EQ(encode(answered()).header.at(16, 4), 2U);
  EXPECT_EQ(encode(answered()).header.at(16, 4), 4U);
}

TEST_F(Netflow5Test, HoldsThirtyRecords) {
  buffer_.resize(9000);
  encoder_->begin(buffer_);
  int flows = 0;
  while (encoder_->add(answered())) ++flows;
  EXPECT_EQ(flows, 15);
  EXPECT_EQ(encoder_->finish(kSampleNow).size(), 1464U);
}

TEST_F(Netflow5Test, KeepsWithinTheBuffer) {
  buffer_.resize(512);
  encoder_->begin(buffer_);
  int flows = 0;
  while (encoder_->add(answered())) ++flows;
  EXPECT_EQ(flows, 5);
  EXPECT_EQ(encoder_->finish(kSampleNow).size(), 24U + 10 * 48);
}

TEST_F(Netflow5Test, SharesOutCountersOfMoreThan32Bits) {
  Flow flow = answered();
  flow.original_counters = {5'000'001, 3 * kMost + 2};
  flow.reply_counters = {kMost, kMost};
  const DatagramRead message = encode(flow);
  ASSERT_EQ(message.records.size(), 5U);
  EXPECT_EQ(message.sum(16), flow.original_counters.packets + flow.reply_counters.packets);
  EXPECT_EQ(message.sum(20), flow.original_counters.octets + flow.reply_counters.octets);
  EXPECT_EQ(encoder_->content().flows, 1U);
  EXPECT_EQ(encoder_->content().octets, flow.original_counters.octets + flow.reply_counters.octets);
  for (const RecordRead& one : message.records) EXPECT_GT(one.at(16, 4), 0U);
}

TEST_F(Netflow5Test, GoesOnWithTheRecordsOfAFlowReportInTheNextDatagrams) {
  Flow flow = answered();
  flow.original_counters = {500'000'000, 70 * kMost};
  std::uint64_t octets = 0;
  std::uint64_t records = 0;
  std::uint64_t flows = 0;
  for (bool complete = false; !complete;) {
    encoder_->begin(buffer_);
    complete = encoder_->add(flow);
    flows += encoder_->content().flows;
    const DatagramRead message = read(encoder_->finish(kSampleNow));
    EXPECT_EQ(message.header.at(16, 4), records);
    records += message.records.size();
    octets += message.sum(20);
  }
  EXPECT_EQ(records, 71U);
  EXPECT_EQ(flows, 1U);
  EXPECT_EQ(octets, flow.original_counters.octets + flow.reply_counters.octets);
}

TEST_F(Netflow5Test, TimesAreRightAfterMoreThan49Days) {
  boot_at(kSampleNow - hours(24 * 400));
  const DatagramRead message = encode(answered());
  EXPECT_EQ(message.header.at(4, 4), kMost);
  EXPECT_EQ(message.first(0), kSampleStart.time_since_epoch() / milliseconds(1));
  EXPECT_EQ(message.last(0), kSampleEnd.time_since_epoch() / milliseconds(1));
}

TEST_F(Netflow5Test, TimesAreRightWhenTheClockWasSetBack) {
  const DatagramRead before = encode(answered());
  const hours back(3);
  Flow flow = answered();
  flow.start -= back;
  flow.end -= back;
  const DatagramRead after = encode(flow, kSampleNow - back);
  EXPECT_GE(after.header.at(4, 4), before.header.at(4, 4)) << "uptime does not run backwards";
  EXPECT_EQ(after.last(0), flow.end.time_since_epoch() / milliseconds(1));
}

TEST_F(Netflow5Test, NoFlowEndsAfterItsDatagram) {
  const DatagramRead message = encode(answered(), kSampleEnd - std::chrono::seconds(5));
  EXPECT_EQ(message.records.at(0).at(28, 4), message.header.at(4, 4));
  EXPECT_EQ(message.last(0), kSampleEnd.time_since_epoch() / milliseconds(1));
}

TEST_F(Netflow5Test, HasNoFlagsThatWereNotMeasured) {
  boot_at(kSampleBoot, false);
  EXPECT_EQ(encode(answered()).records.at(0).at(36, 2), 0U);
  EXPECT_EQ(encode(answered()).records.at(0).at(39, 1), 0U);
}

TEST_F(Netflow5Test, RepresentsIpv4Only) {
  Flow flow = answered();
  EXPECT_TRUE(Netflow5Encoder::represents(flow));
  flow.original.family = AddressFamily::kIpv6;
  EXPECT_FALSE(Netflow5Encoder::represents(flow));
}

}  // namespace
}  // namespace ctflow::test
