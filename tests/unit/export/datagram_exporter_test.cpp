// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/datagram_exporter.hpp"

#include <gtest/gtest.h>

#include <random>

#include "encode/ipfix.hpp"
#include "encode/netflow5.hpp"
#include "encode/netflow9.hpp"
#include "support/fakes.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

Flow flow_of(AddressFamily family) {
  Flow flow;
  flow.original.family = flow.reply.family = family;
  flow.original.protocol = flow.reply.protocol = 17;
  flow.original_counters = {3, 300};
  flow.reply_counters = {2, 2000};
  flow.present.counters = true;
  return flow;
}

constexpr std::size_t kSequence = 8;  // RFC 7011 section 3.1

class DatagramExporterTest : public testing::Test {
 protected:
  std::unique_ptr<DatagramExporter> make(std::size_t at_once) {
    wire_.at_once = at_once;
    CollectorConfig config;
    config.name = "test";
    config.statistics_options = false;
    auto exporter = std::make_unique<DatagramExporter>(
        config, std::make_unique<IpfixEncoder>(EncoderOptions{7}),
        std::make_unique<test::FakeDatagrams>(wire_), std::make_shared<OutputContext>(),
        clock_.clock());
    exporter->tick();  // options and templates
    return exporter;
  }

  /// `count` reports of IPv4, two records of 62 octets each: 11 fill a message.
  void offer(DatagramExporter& exporter, int count) {
    for (int i = 0; i < count; ++i) exporter.offer(flow_of(AddressFamily::kIpv4), clock_.now());
  }

  /// The messages follow each other as their sequence numbers say. The record of options is the
  /// first of all.
  void expect_in_order() const {
    std::uint32_t expected = 0;
    for (const auto& message : wire_.messages) {
      EXPECT_EQ(wire::load<std::uint32_t>(message, kSequence), expected);
      expected += records_of(message);
    }
  }

  /// Data Records of 62 and 86 octets, and options records of 13.
  static std::uint32_t records_of(const std::vector<std::byte>& message) {
    std::uint32_t records = 0;
    for (std::size_t at = 16; at < message.size();) {
      const auto id = wire::load<std::uint16_t>(message, at);
      const std::size_t length = wire::load<std::uint16_t>(message, at + 2);
      const Template* layout = find(id);
      if (layout != nullptr) records += static_cast<std::uint32_t>((length - 4) / layout->length);
      if (layout == nullptr && id > 255) ++records;  // options
      at += length;
    }
    return records;
  }

  static const Template* find(std::uint16_t id) {
    for (const Template& one : default_templates(Protocol::kIpfix, EncoderOptions{7})) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }

  test::FakeWire wire_;
  test::FakeClock clock_;
};

TEST_F(DatagramExporterTest, SendsFullMessagesTogetherWhenTheBatchEnds) {
  const auto exporter = make(64);
  wire_.messages.clear();
  wire_.together.clear();
  offer(*exporter, 5 * 11 + 1);
  EXPECT_TRUE(wire_.messages.empty());
  exporter->end_batch();
  EXPECT_EQ(wire_.messages.size(), 5U);
  EXPECT_EQ(wire_.together.size(), 1U);
  EXPECT_EQ(exporter->counters().flows, 55U) << "the open message waits for more";
  exporter->flush();
  EXPECT_EQ(exporter->counters().flows, 56U);
  EXPECT_EQ(exporter->counters().messages, 2U + 6U);
}

/// Which takes a system call.
TEST_F(DatagramExporterTest, AsksOnceForEachRunWhetherThePeerIsNew) {
  const auto exporter = make(64);
  for (int run = 0; run < 3; ++run) {
    const int before = wire_.prepared;
    offer(*exporter, 5 * 11 + 1);
    exporter->end_batch();
    EXPECT_EQ(wire_.prepared, before + 1) << "a message was open all the time";
  }
  wire_.at_once = 1;
  const int before = wire_.prepared;
  offer(*exporter, 5 * 11);
  EXPECT_EQ(wire_.prepared, before + 5);
}

TEST_F(DatagramExporterTest, AsksOnceForAnAnswerWhenNothingIsSentAnyMore) {
  const auto exporter = make(64);
  offer(*exporter, 1);
  exporter->flush();
  const int before = wire_.prepared;
  exporter->tick();
  EXPECT_EQ(wire_.prepared, before) << "an answer takes its time";
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + std::chrono::seconds(1));
  clock_.advance(std::chrono::seconds(1));
  wire_.new_peer = true;
  const auto templates = exporter->counters().templates;
  exporter->tick();
  EXPECT_EQ(wire_.prepared, before + 1);
  EXPECT_EQ(exporter->counters().templates, templates) << "who refuses is not sent to for that";
  EXPECT_GT(exporter->deadline(), clock_.now().steady + std::chrono::seconds(1));
  exporter->tick();
  EXPECT_EQ(wire_.prepared, before + 1);
  offer(*exporter, 1);
  exporter->flush();
  EXPECT_GT(exporter->counters().templates, templates) << "whoever listens next has none";
}

TEST_F(DatagramExporterTest, SendsTemplatesInTheRunAfterTheOneThatWasRefused) {
  const auto exporter = make(64);
  offer(*exporter, 5 * 11 + 1);
  exporter->end_batch();
  wire_.new_peer = true;
  wire_.messages.clear();
  const auto templates = exporter->counters().templates;
  offer(*exporter, 5 * 11);
  exporter->end_batch();
  EXPECT_GT(exporter->counters().templates, templates);
  // The message that was open, then options, then templates.
  ASSERT_GE(wire_.messages.size(), 3U);
  EXPECT_EQ(wire::load<std::uint16_t>(wire_.messages[2], 16), 2U) << "a Template Set";
}

TEST_F(DatagramExporterTest, SendsARunThatIsCompleteWithoutWaiting) {
  const auto exporter = make(4);
  wire_.messages.clear();
  offer(*exporter, 4 * 11 + 1);
  EXPECT_EQ(wire_.messages.size(), 4U);
}

TEST_F(DatagramExporterTest, SendsNoMoreOctetsTogetherThanOneDatagramMayHave) {
  const auto exporter = make(1000);
  offer(*exporter, 200 * 11);
  exporter->flush();
  ASSERT_FALSE(wire_.together.empty());
  for (const std::size_t octets : wire_.together) EXPECT_LE(octets, kMaximumMessageSize);
  EXPECT_EQ(exporter->counters().flows, 2200U);
  expect_in_order();
}

TEST_F(DatagramExporterTest, KeepsTheOrderOfMessagesOfAnyLength) {
  const auto exporter = make(8);
  std::minstd_rand random(1);
  for (int i = 0; i < 3000; ++i) {
    exporter->offer(flow_of(random() % 3 == 0 ? AddressFamily::kIpv6 : AddressFamily::kIpv4),
                    clock_.now());
    if (random() % 200 == 0) exporter->end_batch();
    if (random() % 300 == 0) exporter->flush();
  }
  exporter->flush();
  EXPECT_FALSE(wire_.together.empty());
  EXPECT_EQ(exporter->counters().flows, 3000U);
  EXPECT_EQ(exporter->counters().messages, wire_.messages.size());
  expect_in_order();
}

TEST_F(DatagramExporterTest, SendsOneByOneWhereTheTransportDoesNotTakeThemTogether) {
  wire_.takes_together = false;
  const auto exporter = make(64);
  offer(*exporter, 33);
  exporter->flush();
  EXPECT_EQ(exporter->counters().flows, 33U);
  EXPECT_TRUE(wire_.together.empty());
  expect_in_order();
}

TEST_F(DatagramExporterTest, SendsAllThatWasHeldAgainBehindTheTemplates) {
  for (int stale_in = 1; stale_in <= 4; ++stale_in) {
    wire_ = {};
    wire_.takes_together = false;
    const auto exporter = make(64);
    offer(*exporter, 3 * 11 + 1);
    wire_.stale_in = stale_in;
    exporter->end_batch();
    exporter->flush();
    EXPECT_EQ(exporter->counters().flows, 34U) << stale_in;
    EXPECT_EQ(exporter->counters().lost(), 0U) << stale_in;
    expect_in_order();
  }
}

// NetFlow v9 counts messages, v5 records: RFC 3954 section 5.1, Cisco's table B-3.
TEST_F(DatagramExporterTest, KeepsTheSequenceOfEachNetflowWhereTheSocketIsReplaced) {
  const TimePoint boot = clock_.now().wall - std::chrono::hours(1);
  for (const Protocol protocol : {Protocol::kNetflow9, Protocol::kNetflow5}) {
    const bool v9 = protocol == Protocol::kNetflow9;
    for (int stale_in = 1; stale_in <= 3; ++stale_in) {
      wire_ = {};
      wire_.at_once = 64;
      wire_.takes_together = false;
      CollectorConfig config;
      config.protocol = protocol;
      std::unique_ptr<Encoder> encoder = std::make_unique<Netflow5Encoder>(EncoderOptions{7}, boot);
      if (v9) encoder = std::make_unique<Netflow9Encoder>(EncoderOptions{7}, boot);
      DatagramExporter exporter(config, std::move(encoder),
                                std::make_unique<test::FakeDatagrams>(wire_),
                                std::make_shared<OutputContext>(), clock_.clock());
      offer(exporter, 50);  // 14 of either fill a message
      wire_.stale_in = stale_in;
      exporter.end_batch();
      exporter.flush();
      EXPECT_EQ(exporter.counters().flows, 50U);
      EXPECT_EQ(exporter.counters().lost(), 0U);
      std::uint32_t expected = 0;
      for (const auto& message : wire_.messages) {
        EXPECT_EQ(wire::load<std::uint32_t>(message, v9 ? 12 : 16), expected) << stale_in;
        expected += v9 ? 1 : static_cast<std::uint32_t>((message.size() - 24) / 48);
      }
    }
  }
}

TEST_F(DatagramExporterTest, EntersEachMessageThatIsLost) {
  wire_.takes_together = false;
  const auto exporter = make(64);
  wire_.answer = SendResult::lost(LossReason::kWouldBlock);
  offer(*exporter, 33);
  exporter->flush();
  EXPECT_EQ(exporter->counters().lost_would_block, 33U);
  EXPECT_EQ(exporter->counters().lost_messages, 3U);
  EXPECT_EQ(exporter->counters().flows, 0U);
}

TEST_F(DatagramExporterTest, SendsWhatIsHeldBeforeTheTransportGoesElsewhere) {
  const auto exporter = make(64);
  wire_.messages.clear();
  offer(*exporter, 11);
  exporter->flush();
  offer(*exporter, 22);
  wire_.connected = false;
  offer(*exporter, 1);
  EXPECT_GE(wire_.messages.size(), 2U);
}

}  // namespace
}  // namespace ctflow
