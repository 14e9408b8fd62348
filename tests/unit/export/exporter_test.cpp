// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/exporter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ctflow/clock.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "encode/template_ids.hpp"
#include "export/datagram_exporter.hpp"
#include "export/session_exporter.hpp"
#include "support/fakes.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Flow answered_flow() {
  Flow flow;
  flow.original.family = flow.reply.family = AddressFamily::kIpv4;
  flow.original.protocol = flow.reply.protocol = 17;
  flow.original_counters = {3, 300};
  flow.reply_counters = {2, 2000};
  flow.present.counters = true;
  return flow;
}

std::uint32_t word(const std::vector<std::byte>& message, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | std::to_integer<unsigned>(message[offset + i]);
  return value;
}

std::uint16_t first_set(const std::vector<std::byte>& message) {
  return static_cast<std::uint16_t>(word(message, 16) >> 16);
}

constexpr std::uint16_t kTemplateSet = 2;
constexpr std::uint16_t kOptionsSet = 3;
constexpr std::uint64_t kStatistics = 3;  // records, and templates
constexpr std::uint16_t kSamplingOptions = 290;

/// Ids of the Sets of a message.
std::vector<std::uint16_t> sets(const std::vector<std::byte>& message) {
  std::vector<std::uint16_t> ids;
  for (std::size_t at = 16; at < message.size();) {
    const std::uint32_t head = word(message, at);
    ids.push_back(static_cast<std::uint16_t>(head >> 16));
    at += head & 0xffff;
  }
  return ids;
}

bool has_set(const std::vector<std::byte>& message, std::uint16_t id) {
  const auto ids = sets(message);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::size_t count_with(const std::vector<std::vector<std::byte>>& messages, std::uint16_t set) {
  return static_cast<std::size_t>(
      std::count_if(messages.begin(), messages.end(),
                    [set](const auto& message) { return has_set(message, set); }));
}

class ExporterTest : public testing::Test {
 protected:
  std::unique_ptr<Exporter> make(CollectorConfig config = {}) {
    config.name = "test";
    auto encoder = std::make_unique<IpfixEncoder>(EncoderOptions{7});
    if (sessions_) {
      const auto make_transport = [this](ExportLedger&) {
        return std::make_unique<test::FakeSessions>(wire_);
      };
      return std::make_unique<SessionExporter>(config, std::move(encoder), make_transport, context_,
                                               clock_.clock());
    }
    return std::make_unique<DatagramExporter>(config, std::move(encoder),
                                              std::make_unique<test::FakeDatagrams>(wire_),
                                              context_, clock_.clock());
  }

  /// Without sampling options, and by default without any, the first templates already sent.
  static CollectorConfig without_options() {
    CollectorConfig config;
    config.statistics_options = false;
    return config;
  }
  std::unique_ptr<Exporter> make_settled(CollectorConfig config = without_options()) {
    config.sampling_options = false;
    auto exporter = make(config);
    exporter->tick();
    wire_.messages.clear();
    return exporter;
  }

  /// The same, and templates were repeated.
  std::unique_ptr<Exporter> make_repeating(const CollectorConfig& config = without_options()) {
    auto exporter = make_settled(config);
    send_messages(*exporter, 20, milliseconds(0));
    EXPECT_EQ(with_templates(), std::vector<std::size_t>{19});
    wire_.messages.clear();
    return exporter;
  }

  /// A flow report in each, and after each this time.
  void send_messages(Exporter& exporter, int count, milliseconds after_each) {
    for (int i = 0; i < count; ++i) {
      exporter.offer(answered_flow(), clock_.now());
      exporter.flush();
      clock_.advance(after_each);
    }
  }
  /// Which messages begin with templates.
  std::vector<std::size_t> with_templates() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < wire_.messages.size(); ++i) {
      if (first_set(wire_.messages[i]) == kTemplateSet) found.push_back(i);
    }
    return found;
  }

  bool sessions_ = false;
  test::FakeWire wire_;
  test::FakeClock clock_;
  const std::shared_ptr<OutputContext> context_ = std::make_shared<OutputContext>();
};

TEST_F(ExporterTest, SendsOverTheNetworkUnlessItWritesFiles) {
  CollectorConfig config;
  config.source_address = "192.0.2.1";
  config.bind_device = "eth0";
  const std::vector<RemotePeer> peers = make(config)->peers();
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].endpoint, "fake");
  EXPECT_TRUE(peers[0].datagrams);
  EXPECT_EQ(peers[0].source_address, "192.0.2.1");
  EXPECT_EQ(peers[0].bind_device, "eth0");
  sessions_ = true;
  config.transport = TransportKind::kTcp;
  EXPECT_FALSE(make(config)->peers().at(0).datagrams);
  config.transport = TransportKind::kFile;
  EXPECT_TRUE(make(config)->peers().empty());
}

TEST_F(ExporterTest, SendsOptionsThenTemplatesBeforeAnyFlow) {
  const auto exporter = make();
  EXPECT_LE(exporter->deadline(), clock_.now().steady);
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(first_set(wire_.messages[0]), kOptionsSet);
  EXPECT_EQ(first_set(wire_.messages[1]), kTemplateSet);
  EXPECT_EQ(exporter->counters().option_records, 1U);
  EXPECT_EQ(exporter->counters().templates, 1U + kStatistics + kRecordKinds);
}

TEST_F(ExporterTest, PutsTemplatesBeforeTheFlowWhenTheFlowComesFirst) {
  const auto exporter = make();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(first_set(wire_.messages[0]), kOptionsSet);
  EXPECT_EQ(first_set(wire_.messages[1]), kTemplateSet);
  EXPECT_EQ(exporter->counters().flows, 1U);
}

TEST_F(ExporterTest, SendsNoOptionsWhenTheyAreOff) {
  CollectorConfig config = without_options();
  config.sampling_options = false;
  const auto exporter = make(config);
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(first_set(wire_.messages[0]), kTemplateSet);
}

TEST_F(ExporterTest, HoldsAPartlyFilledMessageUntilFlushAfter) {
  const auto exporter = make_settled();
  exporter->offer(answered_flow(), clock_.now());
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + seconds(1));
  clock_.advance(milliseconds(999));
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty());
  clock_.advance(milliseconds(1));
  exporter->tick();
  EXPECT_EQ(wire_.messages.size(), 1U);
}

TEST_F(ExporterTest, SendsAFullMessageAtOnceAndNeverAboveTheLimit) {
  CollectorConfig config = without_options();
  config.max_message_size = 600;
  const auto exporter = make_settled(config);
  for (int i = 0; i < 100; ++i) exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  EXPECT_GT(wire_.messages.size(), 20U);
  for (const auto& message : wire_.messages) EXPECT_LE(message.size(), 600U);
  EXPECT_EQ(exporter->counters().flows, 100U);
  EXPECT_EQ(exporter->counters().records, 200U);
  EXPECT_EQ(exporter->counters().packets, 500U);
  EXPECT_EQ(exporter->counters().octets, 230'000U);
}

TEST_F(ExporterTest, KeepsToTheLongestMessageThatTheTransportTakes) {
  const auto exporter = make_settled();
  wire_.longest = 1232;
  for (int i = 0; i < 100; ++i) exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  for (const auto& message : wire_.messages) EXPECT_LE(message.size(), 1232U);
  EXPECT_EQ(exporter->counters().records, 200U);
}

TEST_F(ExporterTest, SendsAgainBehindTheTemplatesWhatMetASocketThatHadToBeReplaced) {
  const auto exporter = make();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  wire_.messages.clear();
  const std::uint64_t messages = exporter->counters().messages;
  exporter->offer(answered_flow(), clock_.now());
  wire_.stale = true;
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 3U);
  EXPECT_EQ(first_set(wire_.messages[0]), kOptionsSet);
  EXPECT_EQ(first_set(wire_.messages[1]), kTemplateSet);
  // In their order, to a collector that sees a new exporter: 1 options record and 2 records before.
  EXPECT_EQ(word(wire_.messages[0], 8), 3U);
  EXPECT_EQ(word(wire_.messages[1], 8), 4U);
  EXPECT_EQ(word(wire_.messages[2], 8), 4U);
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  EXPECT_EQ(word(wire_.messages[3], 8), 6U);
  EXPECT_EQ(exporter->counters().lost(), 0U);
  EXPECT_EQ(exporter->counters().flows, 3U);
  EXPECT_EQ(exporter->counters().messages, messages + 4);
}

TEST_F(ExporterTest, SendsAgainByNetflow9InTheOrderOfItsSequence) {
  CollectorConfig config;
  config.protocol = Protocol::kNetflow9;
  config.name = "test";
  config.sampling_options = config.statistics_options = false;
  const auto exporter = std::make_unique<DatagramExporter>(
      config, std::make_unique<Netflow9Encoder>(EncoderOptions{7}, TimePoint{}),
      std::make_unique<test::FakeDatagrams>(wire_), context_, clock_.clock());
  for (int i = 0; i < 3; ++i) {
    exporter->offer(answered_flow(), clock_.now());
    wire_.stale = i == 1;
    exporter->flush();
  }
  std::vector<std::uint32_t> sequences;
  for (const auto& message : wire_.messages) sequences.push_back(word(message, 12));
  EXPECT_EQ(sequences, (std::vector<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(exporter->counters().flows, 3U);
}

TEST_F(ExporterTest, LosesAMessageThatTheReplacedSocketDoesNotTakeEither) {
  const auto exporter = make_settled();
  exporter->offer(answered_flow(), clock_.now());
  wire_.stale = true;
  wire_.after_stale = SendResult::lost(LossReason::kSendError);
  exporter->flush();
  EXPECT_EQ(exporter->counters().lost_send_error, 1U);
  EXPECT_EQ(exporter->counters().flows, 0U);
}

TEST_F(ExporterTest, LosesNoFlowAtAnyMessageSize) {
  for (std::size_t size = kMinimumMessageSize; size < 1500; size += 7) {
    CollectorConfig config;
    config.max_message_size = size;
    config.template_messages = 3;
    const auto exporter = make(config);
    for (int i = 0; i < 50; ++i) exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
    EXPECT_EQ(exporter->counters().flows, 50U) << size;
    EXPECT_EQ(exporter->counters().octets, 115'000U) << size;
  }
}

TEST_F(ExporterTest, RepeatsTemplatesAfterTheIntervalEvenWithoutFlows) {
  const auto exporter = make_settled();
  // Once it looks whether the collector refused what was sent.
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + seconds(1));
  clock_.advance(seconds(1));
  exporter->tick();
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + seconds(59));
  clock_.advance(seconds(58));
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty());
  clock_.advance(seconds(1));
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(first_set(wire_.messages[0]), kTemplateSet);
}

TEST_F(ExporterTest, RepeatsTemplatesWithTheTwentiethMessageOfMoreThanASecond) {
  const auto exporter = make_repeating();  // this was the first message of the twenty
  send_messages(*exporter, 39, milliseconds(100));
  EXPECT_EQ(with_templates(), std::vector<std::size_t>{19});
  wire_.messages.clear();
  send_messages(*exporter, 20, milliseconds(50));  // a message takes its share of the second
  EXPECT_EQ(with_templates(), std::vector<std::size_t>{0});
}

TEST_F(ExporterTest, RepeatsTemplatesOnceASecondWhereTwentyMessagesTakeLess) {
  const auto exporter = make_repeating();
  send_messages(*exporter, 999, milliseconds(1));
  EXPECT_THAT(with_templates(), testing::IsEmpty());
  clock_.advance(milliseconds(1));
  send_messages(*exporter, 3000, milliseconds(1));
  wire_.messages.erase(wire_.messages.begin(), wire_.messages.begin() + 999);
  EXPECT_EQ(with_templates(), (std::vector<std::size_t>{0, 1000, 2000}));
}

TEST_F(ExporterTest, RepeatsOptionsNoMoreOftenThanTemplates) {
  const auto exporter = make();
  exporter->tick();
  wire_.messages.clear();
  send_messages(*exporter, 3000, milliseconds(1));
  EXPECT_EQ(count_with(wire_.messages, kSamplingOptions), 3U);
  EXPECT_EQ(count_with(wire_.messages, kTemplateSet), 3U);
}

TEST_F(ExporterTest, BreaksNoRunOfMessagesByTemplatesWithinASecond) {
  const auto exporter = make_repeating();
  wire_.at_once = 40;
  while (wire_.together.size() < 2) exporter->offer(answered_flow(), clock_.now());
  EXPECT_EQ(wire_.messages.size(), 80U);
  EXPECT_THAT(with_templates(), testing::IsEmpty());
}

TEST_F(ExporterTest, RepeatsTemplatesByANumberThatIsSetHoweverLittleTimeThatTakes) {
  CollectorConfig config = without_options();
  config.template_messages = CollectorConfig::kTemplateMessages;
  const auto exporter = make_settled(config);
  send_messages(*exporter, 39, milliseconds(0));
  EXPECT_EQ(with_templates(), std::vector<std::size_t>{19});
}

TEST_F(ExporterTest, RepeatsTemplatesAfterAnIntervalShorterThanTheirPause) {
  CollectorConfig config = without_options();
  config.template_interval = milliseconds(500);
  const auto exporter = make_settled(config);
  send_messages(*exporter, 15, milliseconds(100));
  EXPECT_EQ(with_templates(), (std::vector<std::size_t>{5, 10}));
}

/// What left first may be lost where the way to the collector was not known yet.
TEST_F(ExporterTest, RepeatsTemplatesAfterTwentyMessagesWhereASessionBegins) {
  const auto exporter = make_repeating();
  wire_.new_peer = true;
  send_messages(*exporter, 100, milliseconds(1));
  EXPECT_EQ(with_templates(), (std::vector<std::size_t>{0, 20}));
}

TEST_F(ExporterTest, WaitsForNothingWithTemplatesThatAreOwed) {
  const auto exporter = make_settled();
  send_messages(*exporter, 25, milliseconds(1));
  wire_.new_peer = true;  // as after a refusal
  send_messages(*exporter, 25, milliseconds(1));
  EXPECT_EQ(with_templates(), (std::vector<std::size_t>{19, 25, 45}));
  wire_.messages.clear();
  wire_.new_peer = true;
  wire_.answer = SendResult::lost(LossReason::kWouldBlock);
  send_messages(*exporter, 1, milliseconds(1));
  wire_.answer = SendResult::sent();
  send_messages(*exporter, 15, milliseconds(1));
  EXPECT_EQ(with_templates(), std::vector<std::size_t>{0});
}

TEST_F(ExporterTest, RepeatsTheSamplingRateWithTheTemplates) {
  const auto exporter = make();
  exporter->tick();
  wire_.messages.clear();
  for (int i = 0; i < 4; ++i) {
    clock_.advance(seconds(60));
    exporter->tick();
  }
  ASSERT_EQ(wire_.messages.size(), 8U) << "options before templates, four times";
  for (std::size_t i = 0; i < 8; i += 2) {
    EXPECT_TRUE(has_set(wire_.messages[i], kSamplingOptions)) << i;
    EXPECT_EQ(first_set(wire_.messages[i + 1]), kTemplateSet) << i;
  }
}

TEST_F(ExporterTest, RepeatsTheSamplingRateAfterAsManyMessagesAsTheTemplates) {
  CollectorConfig config = without_options();
  config.template_messages = 5;
  const auto exporter = make(config);
  for (int i = 0; i < 40; ++i) {
    exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
  }
  const std::size_t templates = count_with(wire_.messages, kTemplateSet);
  EXPECT_GE(templates, 7U);
  EXPECT_EQ(count_with(wire_.messages, kSamplingOptions), templates);
  std::size_t since = 0;
  for (const auto& message : wire_.messages) {
    since = has_set(message, kSamplingOptions) ? 0 : since + 1;
    EXPECT_LE(since, 6U) << "a collector that is restarted waits no longer";
    EXPECT_FALSE(has_set(message, kSamplingOptions) &&
                 has_set(message, template_ids::kDefault.first))
        << "Graylog";
  }
}

TEST_F(ExporterTest, RepeatsOptionsTemplatesWithoutRecordsWhereTheseAreNotDue) {
  CollectorConfig config;
  config.sampling_options = false;
  const auto exporter = make_settled(config);
  const std::uint64_t before = exporter->counters().templates;
  clock_.advance(seconds(60));
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(sets(wire_.messages[0]), std::vector<std::uint16_t>(kStatistics, kOptionsSet));
  EXPECT_EQ(exporter->counters().templates - before, kStatistics + kRecordKinds);
  EXPECT_EQ(exporter->counters().option_records, 0U);
}

TEST_F(ExporterTest, RepeatsOptionsAfterTheirIntervalEvenWithoutTemplates) {
  CollectorConfig config = without_options();
  config.template_interval = std::chrono::hours(1);
  const auto exporter = make(config);
  exporter->tick();
  wire_.messages.clear();
  clock_.advance(seconds(1));
  exporter->tick();
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + seconds(299));
  clock_.advance(seconds(299));
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(sets(wire_.messages[0]), (std::vector<std::uint16_t>{kOptionsSet, kSamplingOptions}));
}

TEST_F(ExporterTest, SaysNothingOfSamplingWithNatEvents) {
  CollectorConfig config;
  config.profile = Profile::kNatEvents;
  const auto exporter = make(config);
  exporter->tick();
  EXPECT_EQ(count_with(wire_.messages, kSamplingOptions), 0U) << "they count no packets";
  EXPECT_EQ(count_with(wire_.messages, kTemplateSet), 1U);
}

TEST_F(ExporterTest, SendsTemplatesFirstToANewPeer) {
  const auto exporter = make_settled();
  wire_.new_peer = true;
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(first_set(wire_.messages[0]), kTemplateSet);
}

TEST_F(ExporterTest, AdvancesTheSequenceOverLostMessages) {
  const auto exporter = make_settled();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  wire_.answer = SendResult::lost(LossReason::kWouldBlock);
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  wire_.answer = SendResult::sent();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(word(wire_.messages[0], 8), 0U);
  EXPECT_EQ(word(wire_.messages[1], 8), 4U);
}

TEST_F(ExporterTest, CountsLostConnectionsByReason) {
  const std::pair<LossReason, std::uint64_t ExporterCounters::*> reasons[] = {
      {LossReason::kWouldBlock, &ExporterCounters::lost_would_block},
      {LossReason::kUnresolved, &ExporterCounters::lost_unresolved},
      {LossReason::kSendError, &ExporterCounters::lost_send_error},
  };
  for (const auto& [reason, counter] : reasons) {
    wire_ = {};
    const auto exporter = make_settled();
    wire_.answer = SendResult::lost(reason);
    for (int i = 0; i < 3; ++i) exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
    EXPECT_EQ(exporter->counters().*counter, 3U);
    EXPECT_EQ(exporter->counters().lost(), 3U);
    EXPECT_EQ(exporter->counters().lost_messages, 1U);
    EXPECT_EQ(exporter->counters().flows, 0U);
    EXPECT_EQ(exporter->counters().octets, 0U);
  }
}

TEST_F(ExporterTest, RepeatsTemplatesThatWereLostButWaitsBetweenAttempts) {
  const auto exporter = make();
  wire_.answer = SendResult::lost(LossReason::kUnresolved);
  exporter->tick();
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + seconds(1));
  wire_.answer = SendResult::sent();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(first_set(wire_.messages[0]), kOptionsSet);
  EXPECT_EQ(first_set(wire_.messages[1]), kTemplateSet);
}

TEST_F(ExporterTest, FlushWithoutAnOpenMessageSendsNothing) {
  const auto exporter = make_settled();
  exporter->flush();
  EXPECT_TRUE(wire_.messages.empty());
}

TEST_F(ExporterTest, TellsNfdumpTheSamplingOnlyOncePerSession) {
  CollectorConfig config;
  config.profile = Profile::kNfdump;
  config.options_interval = std::chrono::seconds(5);
  const auto exporter = make(config);
  exporter->tick();
  ASSERT_EQ(exporter->counters().option_records, 1U);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(std::chrono::seconds(30));
    exporter->offer(answered_flow(), clock_.now());
    exporter->tick();
    EXPECT_GT(exporter->deadline(), clock_.now().steady);
  }
  EXPECT_EQ(exporter->counters().option_records, 1U);
  wire_.new_peer = true;
  exporter->flush();
  exporter->offer(answered_flow(), clock_.now());
  EXPECT_EQ(exporter->counters().option_records, 1U + 1U + kStatistics) << "a new session";
}

// nfdump counts messages of NetFlow v9, so no options look like a gap.
TEST_F(ExporterTest, TellsNfdumpTheSamplingAgainInNetflow9) {
  CollectorConfig config = without_options();
  config.profile = Profile::kNfdump;
  config.protocol = Protocol::kNetflow9;
  const auto exporter = make(config);
  exporter->tick();
  clock_.advance(seconds(60));
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, 2U);
}

TEST_F(ExporterTest, TellsStatisticsWithRepeatedOptionsButNotMoreOftenThanEvery300Seconds) {
  CollectorConfig config;
  config.options_interval = std::chrono::seconds(100);
  config.template_interval = std::chrono::hours(1);
  const auto exporter = make(config);
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, 1U);
  std::uint64_t expected = 1;
  for (int i = 1; i <= 9; ++i) {
    clock_.advance(std::chrono::seconds(100));
    exporter->tick();
    expected += i % 3 == 0 ? 1 + kStatistics : 1;
    EXPECT_EQ(exporter->counters().option_records, expected) << i;
  }
}

TEST_F(ExporterTest, TellsNoStatisticsWhenTheyAreOff) {
  const auto exporter = make(without_options());
  exporter->tick();
  clock_.advance(std::chrono::seconds(300));
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, 2U);
}

TEST_F(ExporterTest, TellsInStatisticsWhatWasExportedAndLost) {
  CollectorConfig config;
  config.sampling_options = false;
  const auto exporter = make_settled(config);
  context_->answer_losses([] { return UpstreamLosses{1000, 77, 88}; });
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  const std::uint64_t octets = exporter->counters().message_octets;
  wire_.answer = SendResult::lost(LossReason::kWouldBlock);
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  EXPECT_EQ(exporter->counters().lost_records, 2U);
  wire_.answer = SendResult::sent();
  wire_.messages.clear();
  clock_.advance(std::chrono::seconds(300));
  exporter->tick();
  ASSERT_GE(wire_.messages.size(), 1U);
  const auto value = [&](std::size_t offset) {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      result = result << 8 | std::to_integer<std::uint64_t>(wire_.messages[0].at(offset + i));
    }
    return result;
  };
  const Flow lost = answered_flow();
  constexpr std::size_t kMetering = 16 + 26 + 4 + 4;  // behind header, template, Set and scope
  EXPECT_EQ(value(kMetering + 8), 2U) << "records";
  EXPECT_EQ(value(kMetering + 16), octets);
  constexpr std::size_t kIgnored = kMetering + 24 + 22 + 8;
  EXPECT_EQ(value(kIgnored), 77U);
  EXPECT_EQ(value(kIgnored + 8), 88U);
  constexpr std::size_t kNotSent = kIgnored + 16 + 26 + 8;
  EXPECT_EQ(value(kNotSent), 1002U);
  EXPECT_EQ(value(kNotSent + 8), lost.original_counters.packets + lost.reply_counters.packets);
  EXPECT_EQ(value(kNotSent + 16), lost.original_counters.octets + lost.reply_counters.octets);
}

TEST_F(ExporterTest, SendsStatisticsAtTheEndOnceWhereRecordsWereLost) {
  CollectorConfig config;
  config.sampling_options = false;
  const auto exporter = make_settled(config);
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush_at_end();
  ASSERT_EQ(wire_.messages.size(), 1U) << "nothing was lost";
  wire_.messages.clear();
  std::uint64_t lost = 1000;
  context_->answer_losses([&] { return UpstreamLosses{lost, 0, 0}; });
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush_at_end();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(sets(wire_.messages[1]), (std::vector<std::uint16_t>{3, 292, 3, 293, 3, 294}));
  EXPECT_EQ(wire::load<std::uint64_t>(wire_.messages[1], wire_.messages[1].size() - 24), 1000U);
  exporter->flush_at_end();
  EXPECT_EQ(wire_.messages.size(), 2U) << "the collector knows";
  lost = 1001;
  exporter->flush_at_end();
  EXPECT_EQ(wire_.messages.size(), 3U);
}

TEST_F(ExporterTest, SendsNoStatisticsAtTheEndThatItNeverSends) {
  CollectorConfig config;
  config.profile = Profile::kNfdump;
  const auto exporter = make_settled(config);
  context_->answer_losses([] { return UpstreamLosses{1000, 0, 0}; });
  wire_.messages.clear();
  exporter->flush_at_end();
  EXPECT_TRUE(wire_.messages.empty());
}

TEST_F(ExporterTest, NeverSendsAkvoradoTwoUnknownInterfaces) {
  CollectorConfig config = without_options();
  config.profile = Profile::kAkvorado;
  const auto exporter = make_settled(config);
  Flow flow = answered_flow();
  flow.original_interfaces = flow.reply_interfaces = {};
  exporter->offer(flow, clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 1U);
  // Behind message and set header, addresses, counters and times.
  constexpr std::size_t kInterfaces = 16 + 4 + 8 + 16 + 16;
  EXPECT_EQ(word(wire_.messages[0], kInterfaces), 1U) << "lo";
  EXPECT_EQ(word(wire_.messages[0], kInterfaces + 4), 1U);
  wire_.messages.clear();
  flow.original_interfaces.egress = 3;
  flow.reply_interfaces.ingress = 3;
  exporter->offer(flow, clock_.now());
  exporter->flush();
  EXPECT_EQ(word(wire_.messages.at(0), kInterfaces), 0U);
  EXPECT_EQ(word(wire_.messages.at(0), kInterfaces + 4), 3U);
}

class InterfaceNamesTest : public ExporterTest {
 protected:
  static constexpr std::uint64_t kRecordsOfTwo = 3;  // the sampling rate, and two names

  InterfaceNamesTest() {
    names_.set(1, "lo");
    names_.set(2, "lan");
  }
  std::unique_ptr<Exporter> make_naming(CollectorConfig config = without_options()) {
    config.interface_names = true;
    context_->set_interface_names(names_);
    return make(std::move(config));
  }

  InterfaceNames names_;
};

// nfdump takes options in any but the first message of a session for a gap in the sequence.
TEST_F(InterfaceNamesTest, GoOutWithTheSamplingRateInTheFirstMessage) {
  const auto exporter = make_naming();
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(first_set(wire_.messages[0]), kOptionsSet);
  EXPECT_EQ(exporter->counters().option_records, kRecordsOfTwo);
}

TEST_F(InterfaceNamesTest, GoOutAloneWhenTheSamplingRateIsNotWanted) {
  CollectorConfig config = without_options();
  config.sampling_options = false;
  const auto exporter = make_naming(config);
  exporter->tick();
  EXPECT_EQ(wire_.messages.size(), 2U);
  EXPECT_EQ(exporter->counters().option_records, 2U);
}

TEST_F(InterfaceNamesTest, TakeAsManyMessagesAsTheyNeedOneAfterTheOther) {
  for (std::uint32_t i = 3; i <= 100; ++i) names_.set(i, "ppp" + std::to_string(i));
  CollectorConfig config = without_options();
  config.max_message_size = 512;
  const auto exporter = make_naming(config);
  exporter->tick();
  EXPECT_EQ(count_with(wire_.messages, template_ids::kInterfaceNames), 1U) << "no burst";
  for (int i = 0; i < 50 && exporter->counters().option_records < 101; ++i) {
    EXPECT_LE(exporter->deadline(), clock_.now().steady + milliseconds(50)) << "but soon";
    clock_.advance(milliseconds(50));
    const std::size_t before = count_with(wire_.messages, template_ids::kInterfaceNames);
    exporter->tick();
    EXPECT_EQ(count_with(wire_.messages, template_ids::kInterfaceNames), before + 1);
  }
  EXPECT_EQ(exporter->counters().option_records, 101U);
  for (const auto& message : wire_.messages) EXPECT_LE(message.size(), 512U);
  clock_.advance(seconds(1));
  exporter->tick();  // looks for refusals
  EXPECT_GT(exporter->deadline(), clock_.now().steady + seconds(10)) << "nothing is left";
}

TEST_F(InterfaceNamesTest, LetFlowsPass) {
  for (std::uint32_t i = 3; i <= 3000; ++i) names_.set(i, "ppp" + std::to_string(i));
  const auto exporter = make_naming();
  for (int i = 0; i < 200; ++i) {
    exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
  }
  EXPECT_EQ(exporter->counters().flows, 200U);
  EXPECT_EQ(count_with(wire_.messages, template_ids::kInterfaceNames), 1U) << "no time has passed";
  for (int i = 0; i < 150; ++i) {
    clock_.advance(milliseconds(50));
    exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
  }
  EXPECT_GE(count_with(wire_.messages, template_ids::kInterfaceNames), 100U)
      << "flows do not stop them";
  EXPECT_EQ(count_with(wire_.messages, template_ids::kDefault.first), 350U);
}

TEST_F(InterfaceNamesTest, BeginAgainWithANewPeerInTheMiddle) {
  for (std::uint32_t i = 3; i <= 100; ++i) names_.set(i, "ppp" + std::to_string(i));
  const auto exporter = make_naming();
  exporter->tick();
  wire_.messages.clear();
  wire_.new_peer = true;
  clock_.advance(milliseconds(50));
  exporter->tick();
  ASSERT_EQ(count_with(wire_.messages, template_ids::kInterfaceNames), 1U);
  const auto options =
      std::find_if(wire_.messages.begin(), wire_.messages.end(),
                   [](const auto& m) { return has_set(m, template_ids::kInterfaceNames); });
  // Behind the sampling options, the template, the Set header and the scope.
  EXPECT_EQ(word(*options, 16 + 22 + 13 + 26 + 4 + 4), 1U) << "lo is the first";
}

TEST_F(InterfaceNamesTest, TellWhatIsNewSoonAndNothingElse) {
  const auto exporter = make_naming();
  exporter->tick();
  wire_.messages.clear();
  clock_.advance(milliseconds(200));
  names_.set(7, "wan");
  names_.set(2, "lan");  // as before
  EXPECT_EQ(exporter->deadline(), clock_.now().steady + milliseconds(800));
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty()) << "waits for others";
  clock_.advance(milliseconds(800));
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(exporter->counters().option_records, kRecordsOfTwo + 1);
  names_.remove(7);
  clock_.advance(seconds(1));
  exporter->tick();  // looks for refusals
  EXPECT_GT(exporter->deadline(), clock_.now().steady + seconds(10));
}

TEST_F(InterfaceNamesTest, AreRepeatedWithTheOptions) {
  const auto exporter = make_naming();
  exporter->tick();
  clock_.advance(seconds(300));
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, 2 * kRecordsOfTwo);
}

// A reload hands the same names to a collector that stays.
TEST_F(InterfaceNamesTest, AreNotSentAgainByAReload) {
  const auto exporter = make_naming();
  exporter->tick();
  const std::uint64_t before = exporter->counters().option_records;
  context_->set_interface_names(names_);
  clock_.advance(seconds(2));
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, before);
}

TEST_F(InterfaceNamesTest, AreAllToldAgainAfterALoss) {
  const auto exporter = make_naming();
  exporter->tick();
  names_.set(7, "wan");
  clock_.advance(seconds(1));
  wire_.answer = SendResult::lost(LossReason::kWouldBlock);
  exporter->tick();
  wire_.answer = SendResult::sent();
  clock_.advance(seconds(1));
  exporter->tick();
  EXPECT_EQ(exporter->counters().option_records, kRecordsOfTwo + kRecordsOfTwo + 1);
}

class SessionExporterTest : public ExporterTest {
 protected:
  SessionExporterTest() { sessions_ = true; }
};

TEST_F(SessionExporterTest, HandsOverWhatEverySessionBeginsWith) {
  const auto exporter = make();
  ASSERT_EQ(wire_.session_start.size(), 2U);
  EXPECT_EQ(first_set(wire_.session_start[0].bytes), kOptionsSet);
  EXPECT_EQ(wire_.session_start[0].content.option_records, 1U);
  EXPECT_EQ(wire_.session_start[0].content.templates, 1U + kStatistics);
  EXPECT_EQ(first_set(wire_.session_start[1].bytes), kTemplateSet);
  EXPECT_EQ(wire_.session_start[1].content.templates, kRecordKinds);
}

TEST_F(SessionExporterTest, HandsOverAsManyMessagesAsTheTemplatesNeed) {
  CollectorConfig config;
  config.max_message_size = 512;
  const auto exporter = make(config);
  ASSERT_GT(wire_.session_start.size(), 2U);
  std::uint32_t templates = 0;
  for (const CountedMessage& message : wire_.session_start) templates += message.content.templates;
  EXPECT_EQ(templates, 1U + kStatistics + kRecordKinds);
}

// RFC 7011 section 8: over TCP a template is valid as long as the connection.
TEST_F(SessionExporterTest, NeverRepeatsATemplateOfOptions) {
  InterfaceNames names;
  names.set(3, "eth3");
  CollectorConfig config;
  config.interface_names = true;
  config.template_messages = 1;
  context_->set_interface_names(names);
  const auto exporter = make(config);
  for (std::uint32_t i = 0; i < 10; ++i) {
    names.set(10 + i, "ppp" + std::to_string(i));
    clock_.advance(seconds(301));
    exporter->tick();
    exporter->offer(answered_flow(), clock_.now());
    exporter->flush();
  }
  EXPECT_EQ(count_with(wire_.messages, kOptionsSet), 0U);
  EXPECT_EQ(count_with(wire_.messages, kTemplateSet), 0U);
  EXPECT_EQ(count_with(wire_.messages, template_ids::kInterfaceNames), 10U);
  EXPECT_GE(count_with(wire_.messages, 292), 9U) << "statistics";
  EXPECT_EQ(wire_.session_start.at(0).content.templates, 1U + 1U + kStatistics);
}

TEST_F(SessionExporterTest, NeverRepeatsThem) {
  CollectorConfig config;
  config.statistics_options = false;
  const auto exporter = make(config);
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty());
  EXPECT_EQ(exporter->deadline(), MonoTime::max()) << "there is nothing to do";
  for (int i = 0; i < 5; ++i) {
    wire_.new_peer = true;  // the session is a new one
    clock_.advance(std::chrono::hours(1));
    exporter->offer(answered_flow(), clock_.now());
    exporter->tick();
    exporter->flush();
  }
  ASSERT_EQ(wire_.messages.size(), 5U);
  for (const auto& message : wire_.messages)
    EXPECT_EQ(first_set(message), template_ids::kDefault.first);
}

TEST_F(SessionExporterTest, LeavesTheLedgerOfKeptMessagesToTheTransport) {
  const auto exporter = make();
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.contents.size(), 1U);
  EXPECT_EQ(wire_.contents[0].flows, 1U);
  EXPECT_EQ(wire_.contents[0].data_records, 2U);
  EXPECT_EQ(exporter->counters().offered, 1U);
  EXPECT_EQ(exporter->counters().messages, 0U);
  EXPECT_EQ(exporter->counters().lost(), 0U);
  EXPECT_EQ(exporter->counters().lost_messages, 0U);
}

TEST_F(SessionExporterTest, TellsTheNamesOfInterfacesInEachSession) {
  InterfaceNames names;
  names.set(3, "eth3");
  CollectorConfig config = without_options();
  config.interface_names = true;
  config.options_interval = seconds(1);
  context_->set_interface_names(names);
  const auto exporter = make(config);
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U) << "of the first session";
  clock_.advance(std::chrono::hours(1));
  exporter->tick();
  EXPECT_EQ(wire_.messages.size(), 1U) << "not again and again";
  wire_.new_peer = true;
  exporter->offer(answered_flow(), clock_.now());
  exporter->flush();
  ASSERT_EQ(wire_.messages.size(), 3U);
  EXPECT_EQ(first_set(wire_.messages[1]), template_ids::kInterfaceNames);
}

TEST_F(SessionExporterTest, TellsStatisticsButNotTheSamplingRateAgain) {
  const auto exporter = make();
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty()) << "there is nothing to tell yet";
  EXPECT_GT(exporter->deadline(), clock_.now().steady);
  clock_.advance(std::chrono::seconds(301));
  exporter->tick();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(sets(wire_.messages[0]), (std::vector<std::uint16_t>{292, 293, 294}));
  EXPECT_GT(exporter->deadline(), clock_.now().steady);
}

TEST_F(SessionExporterTest, SendsStatisticsAtTheEndWhereRecordsWereLost) {
  const auto exporter = make();
  exporter->flush_at_end();
  EXPECT_TRUE(wire_.messages.empty());
  context_->answer_losses([] { return UpstreamLosses{1000, 0, 0}; });
  exporter->flush_at_end();
  ASSERT_EQ(wire_.messages.size(), 1U);
  EXPECT_EQ(sets(wire_.messages[0]), (std::vector<std::uint16_t>{292, 293, 294}));
}

TEST_F(SessionExporterTest, IsIntroducedWithoutTemplates) {
  const auto exporter = make();
  exporter->take_over();
  exporter->tick();
  EXPECT_TRUE(wire_.messages.empty());
  EXPECT_GT(exporter->deadline(), clock_.now().steady);
}

TEST_F(SessionExporterTest, PassesTheEndOn) {
  const auto exporter = make();
  exporter->stop();
  EXPECT_TRUE(wire_.stopped);
}

}  // namespace
}  // namespace ctflow
