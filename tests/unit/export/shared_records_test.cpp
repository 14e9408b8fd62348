// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/shared_records.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "export/datagram_exporter.hpp"
#include "export/session_exporter.hpp"
#include "support/encoding_session.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

struct Settings {
  Protocol protocol = Protocol::kIpfix;
  std::size_t size = 1400;
  std::uint32_t domain = 1;
  bool zones = false;
  Profile profile = Profile::kDefault;
  std::optional<std::uint32_t> template_messages{};
};

/// A collector and its wire.
struct Place {
  test::FakeWire wire;
  std::unique_ptr<DatagramExporter> exporter;
};

class SharedRecordsTest : public testing::Test {
 protected:
  static std::unique_ptr<Encoder> encoder(const Settings& settings) {
    const EncoderOptions options{.observation_domain = settings.domain,
                                 .exporting_process = settings.domain + 100,
                                 .zones = settings.zones,
                                 .layout = row_of(settings.profile).layout};
    if (settings.protocol == Protocol::kIpfix) return std::make_unique<IpfixEncoder>(options);
    return std::make_unique<Netflow9Encoder>(options, test::kSampleBoot);
  }

  CollectorConfig config(const Settings& settings) const {
    CollectorConfig config;
    config.name = std::to_string(settings.domain);
    config.protocol = settings.protocol;
    config.max_message_size = settings.size;
    config.profile = settings.profile;
    config.template_messages = settings.template_messages;
    return config;
  }

  Place& add(std::deque<Place>& places, const Settings& settings) {
    Place& place = places.emplace_back();
    place.wire.at_once = 8;
    place.exporter = std::make_unique<DatagramExporter>(
        config(settings), encoder(settings), std::make_unique<test::FakeDatagrams>(place.wire),
        std::make_shared<OutputContext>(), clock_.clock());
    return place;
  }

  /// The same twice: some get each flow report by itself, the others what is shared.
  void add_both(const Settings& settings) {
    add(alone_, settings);
    add(sharing_, settings);
  }

  void share() {
    std::vector<Output*> outputs;
    for (Place& place : sharing_) outputs.push_back(place.exporter.get());
    shared_ = SharedRecords::take_from(outputs);
    rest_ = std::move(outputs);
  }

  void offer(const Flow& flow) {
    for (Place& place : alone_) place.exporter->offer(flow, clock_.now());
    for (SharedRecords& records : shared_) records.add(flow);
    for (Output* output : rest_) output->offer(flow, clock_.now());
  }

  void hand_out() {
    for (SharedRecords& records : shared_) records.hand_out();
  }

  template <typename Action>
  void each(Action action) {
    hand_out();
    for (Place& place : alone_) action(*place.exporter);
    for (Place& place : sharing_) action(*place.exporter);
  }

  void end_batch() {
    each([](DatagramExporter& one) { one.end_batch(); });
  }

  /// Flow reports, ends of batches, time that passes.
  void run(int flows, unsigned seed) {
    const std::vector<Flow> kinds = test::every_kind();
    std::minstd_rand random(seed);
    for (int i = 0; i < flows; ++i) {
      Flow flow = random() % 2 == 0 ? test::sample::tcp() : kinds[random() % kinds.size()];
      flow.id = static_cast<std::uint32_t>(i);
      offer(flow);
      if (random() % 40 == 0) end_batch();
      if (random() % 300 != 0) continue;
      end_batch();
      clock_.advance(milliseconds(700));
      each([](DatagramExporter& one) { one.tick(); });
    }
    each([](DatagramExporter& one) { one.flush(); });
  }

  void expect_equal(int flows) const {
    for (std::size_t i = 0; i < alone_.size(); ++i) {
      const ExporterCounters& expected = alone_[i].exporter->counters();
      const ExporterCounters& counted = sharing_[i].exporter->counters();
      EXPECT_EQ(sharing_[i].wire.messages, alone_[i].wire.messages) << i;
      EXPECT_EQ(counted.offered, static_cast<std::uint64_t>(flows)) << i;
      EXPECT_EQ(counted.flows + counted.lost(), counted.offered) << i;
      EXPECT_EQ(counted.flows, expected.flows) << i;
      EXPECT_EQ(counted.records, expected.records) << i;
      EXPECT_EQ(counted.packets, expected.packets) << i;
      EXPECT_EQ(counted.octets, expected.octets) << i;
      EXPECT_EQ(counted.message_octets, expected.message_octets) << i;
      EXPECT_EQ(counted.lost_would_block, expected.lost_would_block) << i;
    }
  }

  test::FakeClock clock_;
  std::deque<Place> alone_;
  std::deque<Place> sharing_;
  std::vector<SharedRecords> shared_;
  std::vector<Output*> rest_;
};

TEST_F(SharedRecordsTest, GiveTwoCollectorsWhatEachWouldGetByItself) {
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    alone_.clear();
    sharing_.clear();
    add_both({.protocol = protocol, .domain = 1});
    add_both({.protocol = protocol, .domain = 2});
    share();
    ASSERT_EQ(shared_.size(), 1U);
    EXPECT_TRUE(rest_.empty());
    run(3000, 1);
    expect_equal(3000);
    EXPECT_GT(sharing_[0].wire.messages.size(), 100U);
  }
}

TEST_F(SharedRecordsTest, MayGoIntoMessagesOfAnySizeBehindTemplatesAtAnyTime) {
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    alone_.clear();
    sharing_.clear();
    add_both({.protocol = protocol, .size = kMinimumMessageSize, .template_messages = 3});
    add_both({.protocol = protocol, .size = 1400, .domain = 2, .template_messages = 7});
    add_both({.protocol = protocol, .size = 8999, .domain = 3});
    share();
    ASSERT_EQ(shared_.size(), 1U);
    run(3000, 2);
    expect_equal(3000);
  }
}

TEST_F(SharedRecordsTest, GoBehindTemplatesOnceASecondAtMostUnlessANumberIsSet) {
  add_both({.domain = 1});
  add_both({.domain = 2, .template_messages = 20});
  share();
  ASSERT_EQ(shared_.size(), 1U);
  run(3000, 9);
  for (int i = 0; i < 3000; ++i) {  // within no time
    offer(test::sample::tcp());
    if (i % 40 == 0) end_batch();
  }
  each([](DatagramExporter& one) { one.flush(); });
  expect_equal(6000);
  const auto templates = [&](std::size_t place) {
    return sharing_[place].exporter->counters().templates;
  };
  const std::uint64_t once = templates(0);
  clock_.advance(milliseconds(1000));
  offer(test::sample::tcp());
  each([](DatagramExporter& one) { one.flush(); });
  const std::uint64_t set = templates(0) - once;
  ASSERT_GT(set, 0U) << "a second is over";
  EXPECT_LE(once, set * 12) << "the first, and one for each second";
  EXPECT_GT(templates(1), 3 * once);
}

TEST_F(SharedRecordsTest, AreOfTheCollectorsWithTheSameRecordsOnly) {
  add_both({.domain = 1});
  add_both({.domain = 2, .zones = true});
  add_both({.protocol = Protocol::kNetflow9, .domain = 3});
  add_both({.domain = 4});
  add_both({.protocol = Protocol::kNetflow9, .domain = 5});
  add_both({.domain = 6, .profile = Profile::kMinimal});
  share();
  EXPECT_EQ(shared_.size(), 2U);
  ASSERT_EQ(rest_.size(), 2U);
  EXPECT_EQ(rest_[0]->name(), "2");
  EXPECT_EQ(rest_[1]->name(), "6");
  run(2000, 3);
  expect_equal(2000);
}

TEST_F(SharedRecordsTest, AreNotOfAProfileThatChangesThem) {
  // The layout is the same; a record without an interface is not.
  add_both({.domain = 1});
  add_both({.domain = 2, .profile = Profile::kAkvorado});
  add_both({.domain = 3, .profile = Profile::kNfdump});
  add_both({.domain = 4, .profile = Profile::kAkvorado});
  share();
  EXPECT_EQ(shared_.size(), 2U);
  EXPECT_TRUE(rest_.empty());
  for (int i = 0; i < 50; ++i) {
    Flow flow = test::sample::tcp();
    if (i % 2 == 0) flow.original_interfaces = flow.reply_interfaces = {};
    offer(flow);
  }
  each([](DatagramExporter& one) { one.flush(); });
  expect_equal(50);
  EXPECT_NE(sharing_[0].wire.messages, sharing_[1].wire.messages);
}

TEST_F(SharedRecordsTest, GoOnToTheOthersWhereOneCollectorRefuses) {
  add_both({.domain = 1});
  add_both({.domain = 2});
  add_both({.domain = 3});
  share();
  const auto answer = [&](const SendResult& result) {
    for (std::deque<Place>* places : {&alone_, &sharing_}) {
      (*places)[1].wire.answer = result;
      (*places)[1].wire.takes_together = result.is_sent();
    }
  };
  run(700, 4);
  answer(SendResult::lost(LossReason::kWouldBlock));
  run(700, 5);
  answer(SendResult::sent());
  run(700, 6);
  expect_equal(2100);
  EXPECT_GT(sharing_[1].exporter->counters().lost_would_block, 600U);
  EXPECT_EQ(sharing_[0].exporter->counters().lost(), 0U);
  EXPECT_EQ(sharing_[2].exporter->counters().flows, 2100U);
}

TEST_F(SharedRecordsTest, WaitNoLongerThanUntilTheyAreHandedOut) {
  add_both({.domain = 1});
  add_both({.domain = 2});
  share();
  run(1, 1);
  const auto counted = [&] { return sharing_[1].exporter->counters().offered; };
  offer(test::sample::tcp());
  EXPECT_EQ(counted(), 1U);
  hand_out();
  EXPECT_EQ(counted(), 2U);
  hand_out();
  EXPECT_EQ(counted(), 2U);
  for (int i = 0; i < 1000; ++i) offer(test::sample::tcp());
  EXPECT_GT(counted(), 800U) << "what has no room any more is handed out";
  EXPECT_LT(counted(), 1002U);
  each([](DatagramExporter& one) { one.flush(); });
  EXPECT_EQ(sharing_[1].exporter->counters().flows, 1002U);
}

TEST_F(SharedRecordsTest, GoIntoSessionsAsWell) {
  Place& datagrams = add(sharing_, {.domain = 1});
  test::FakeWire wire;
  const Settings settings{.domain = 2};
  SessionExporter session(
      config(settings), encoder(settings),
      [&](ExportLedger& /*ledger*/) { return std::make_unique<test::FakeSessions>(wire); },
      std::make_shared<OutputContext>(), clock_.clock());
  std::vector<Output*> outputs{datagrams.exporter.get(), &session};
  shared_ = SharedRecords::take_from(outputs);
  ASSERT_EQ(shared_.size(), 1U);
  run(500, 8);
  session.flush();
  std::uint64_t flows = 0;
  std::uint64_t records = 0;
  for (const MessageContent& content : wire.contents) {
    flows += content.flows;
    records += content.data_records;
  }
  EXPECT_EQ(flows, 500U);
  EXPECT_EQ(records, datagrams.exporter->counters().records);
}

}  // namespace
}  // namespace ctflow
