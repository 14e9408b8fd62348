// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/producer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "support/kafka_producer.hpp"

namespace ctflow::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::TopicMessage;

TEST_F(KafkaProducerTest, CountsALineAsSentWhenItIsAcknowledged) {
  make();
  EXPECT_FALSE(producer_->connected());
  EXPECT_EQ(producer_->backlog().oldest, std::nullopt);
  add();
  EXPECT_EQ(counters().flows, 0U);
  EXPECT_EQ(counters().waiting.flows, 1U);
  EXPECT_NE(producer_->backlog().oldest, std::nullopt);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, 1U);
  EXPECT_TRUE(producer_->connected());
  EXPECT_FALSE(producer_->brokers().empty());
  EXPECT_EQ(counters().transport_sessions, 1U);
  EXPECT_EQ(reconcile().size(), 1U);
}

TEST_F(KafkaProducerTest, SaysOfEachBrokerOnceWhenItsConnectionIsBegun) {
  make();
  const auto heard_of_all = [&] {
    const std::vector<std::string> brokers = producer_->brokers();
    return std::all_of(brokers.begin(), brokers.end(),
                       [&](const std::string& one) { return heard_.count(one) == 1; });
  };
  for (int i = 0; i < 37; ++i) {  // a key each: to all brokers in the end
    add(i);
    ASSERT_TRUE(run_until_none_waits());
    ASSERT_TRUE(run_until(heard_of_all, seconds(1)));
  }
  EXPECT_EQ(heard_.size(), 3U);
  EXPECT_LE(news_, 3U);
  const std::size_t before = news_;
  cluster_.go_down();
  run_for(milliseconds(300));
  cluster_.come_up();
  add_many(37);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(news_, before) << "connected again";
  EXPECT_EQ(reconcile().size(), 74U);
}

TEST_F(KafkaProducerTest, HearsOfLinesAlsoWhereTheLibraryHadSomethingToSayBefore) {
  config_.settings["group.id"] = "x";  // a consumer's: it warns while the client is made
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 1U);
}

TEST_F(KafkaProducerTest, DeliversThousandsOfLinesOnce) {
  make();
  for (int i = 0; i < 50; ++i) {
    add_many(100);
    run_for(milliseconds(5));
  }
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, 5000U);
  EXPECT_EQ(reconcile().size(), 5000U);
}

TEST_F(KafkaProducerTest, KeepsTheLinesOfAConnectionInOnePartitionAndInTheirOrder) {
  one_request_at_a_time();
  make();
  for (int i = 0; i < 2000; ++i) {
    add(i % 37);
    // Two requests that fail make the library send again what follows them.
    if (i == 700)
      cluster_.answer(
          {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    if (i % 50 == 0) run_for(milliseconds(10));
  }
  ASSERT_TRUE(run_until_none_waits());
  std::map<std::string, int> partition_of;
  std::map<std::string, std::uint64_t> last;
  std::set<int> used;
  for (const TopicMessage& one : reconcile()) {
    const auto line = nlohmann::json::parse(one.value);
    EXPECT_EQ(one.key, "key-" + std::to_string(line.at("connection").get<int>()));
    EXPECT_EQ(partition_of.emplace(one.key, one.partition).first->second, one.partition);
    EXPECT_LT(last[one.key], line.at("n").get<std::uint64_t>());
    last[one.key] = line.at("n").get<std::uint64_t>();
    used.insert(one.partition);
  }
  EXPECT_EQ(partition_of.size(), 37U);
  EXPECT_EQ(used.size(), 4U) << "37 keys must not meet in fewer";
}

TEST_F(KafkaProducerTest, ChoosesThePartitionThatJavaDoes) {
  make();
  // By murmur2 of org.apache.kafka.common.utils.Utils, computed apart from librdkafka.
  const auto murmur2 = [](const std::string& key) {
    constexpr std::uint32_t kMix = 0x5bd1e995;
    std::uint32_t hash = 0x9747b28c ^ static_cast<std::uint32_t>(key.size());
    std::size_t at = 0;
    const auto octet = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i]));
    };
    for (; at + 4 <= key.size(); at += 4) {
      std::uint32_t part =
          octet(at) | octet(at + 1) << 8 | octet(at + 2) << 16 | octet(at + 3) << 24;
      part *= kMix;
      part ^= part >> 24;
      hash = hash * kMix ^ part * kMix;
    }
    for (std::size_t i = key.size(); i-- > at;) hash ^= octet(i) << 8 * (i - at);
    if (at < key.size()) hash *= kMix;
    hash ^= hash >> 13;
    hash *= kMix;
    return hash ^ hash >> 15;
  };
  for (int i = 0; i < 40; ++i) add(i);
  ASSERT_TRUE(run_until_none_waits());
  for (const TopicMessage& one : reconcile()) {
    EXPECT_EQ(one.partition, static_cast<int>((murmur2(one.key) & 0x7fffffff) % 4)) << one.key;
  }
}

TEST_F(KafkaProducerTest, KeepsLinesWhileAllBrokersAreAway) {
  make();
  add_many(50);
  ASSERT_TRUE(run_until_none_waits());
  cluster_.go_down();
  add_many(500);
  ASSERT_TRUE(run_until([&] { return !producer_->connected(); }));
  EXPECT_NE(producer_->last_failure().kind, FailureKind::kNone);
  EXPECT_FALSE(producer_->last_failure().reason.empty());
  EXPECT_FALSE(producer_->busy()) << "they cannot leave within a moment";
  run_for(milliseconds(500));
  add_many(500);
  EXPECT_EQ(counters().waiting.flows, 1000U);
  expect_balance();
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_TRUE(producer_->connected());
  EXPECT_EQ(counters().flows, 1050U);
  EXPECT_EQ(reconcile().size(), 1050U);
}

TEST_F(KafkaProducerTest, DeliversThroughErrorsThatPass) {
  one_request_at_a_time();
  make();
  for (int i = 0; i < 20; ++i) {
    cluster_.answer({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                     RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT,
                     RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    add_many(50);
    run_for(milliseconds(50));
  }
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  EXPECT_EQ(counters().lost(), 0U);
  EXPECT_EQ(reconcile().size(), 1000U);
}

TEST_F(KafkaProducerTest, CountsAsUncertainWhatTheLibraryOnlyInfersToBeThere) {
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  cluster_.answer_after(1000);
  cluster_.answer({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  add();
  run_for(milliseconds(100));  // a batch of its own, which is refused …
  add();                       // … and one behind it, which the mock cluster takes
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, 2U);
  EXPECT_EQ(counters().lost_uncertain.flows, 1U);
  EXPECT_EQ(counters().lost_uncertain.packets, 2U);
  EXPECT_EQ(reconcile().size(), 2U) << "the library has reported all three as delivered";
}

TEST_F(KafkaProducerTest, CountsAsSentWhatABrokerSaysToHaveAlready) {
  make();
  cluster_.answer({RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
  for (int i = 0; i < 3; ++i) add();  // one batch
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, 3U);
  EXPECT_EQ(counters().lost(), 0U);
}

TEST_F(KafkaProducerTest, CountsWhatBrokersRefuse) {
  make();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  cluster_.answer({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  add(1);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().lost_send_error, 1U);
  EXPECT_EQ(counters().lost_packets, 11U);
  EXPECT_EQ(counters().lost_octets, 121U);
  EXPECT_THAT(producer_->last_failure().reason, testing::HasSubstr("size"));
  cluster_.answer({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  add(1);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().lost_send_error, 2U);
  run_for(seconds(2));  // until the library asks for it again the topic has no partitions
  const std::uint64_t before = counters().flows;
  add_many(100);  // those after it are not affected
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, before + 100);
  EXPECT_EQ(reconcile().size(), before + 100);
}

TEST_F(KafkaProducerTest, CountsALineThatIsLongerThanAMessageMayBe) {
  config_.settings["message.max.bytes"] = "2000";
  make();
  pad_ = std::string(3000, 'x');
  add();
  EXPECT_EQ(counters().lost_send_error, 1U);
  pad_.clear();
  add();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 1U);
}

TEST_F(KafkaProducerTest, LosesWhatFindsNoRoomAndCountsIt) {
  config_.buffer = 64 << 10;
  make();
  cluster_.go_down();
  pad_ = std::string(980, 'x');
  add_many(200);
  EXPECT_GT(counters().lost_would_block, 120U);
  EXPECT_LE(producer_->octets(), config_.buffer);
  EXPECT_GT(producer_->octets(), config_.buffer - 1100) << "the limit is ours, not the library's";
  expect_balance();
  const std::uint64_t waiting = counters().waiting.flows;
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, waiting);
  add_many(10);  // there is room again
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), waiting + 10);
}

TEST_F(KafkaProducerTest, LosesWhatWaitsLongerThanItsTimeout) {
  config_.settings["message.timeout.ms"] = "1000";
  make();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  cluster_.go_down();
  run_for(milliseconds(300));
  add_many(30);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().lost_spool_age.flows + counters().lost_uncertain.flows, 30U);
  EXPECT_GT(counters().lost_spool_age.flows, 0U);
  reconcile();
}

TEST_F(KafkaProducerTest, TakesAnotherClientAfterAFatalError) {
  make();
  add_many(100);
  ASSERT_TRUE(run_until_none_waits());
  run_for(seconds(5));  // it was of use for a while
  const Client* const first = producer_->client();
  cluster_.answer({RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
  add_many(300);
  ASSERT_TRUE(run_until([&] { return producer_->client() != first; }));
  EXPECT_THAT(producer_->last_failure().reason, testing::HasSubstr("OUT_OF_ORDER"));
  add_many(100);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().transport_sessions, 2U);
  EXPECT_TRUE(producer_->connected());
  // What had not been sent went to the other client.
  EXPECT_GE(counters().flows, 200U);
  EXPECT_EQ(counters().lost(), counters().lost_uncertain.flows + counters().lost_send_error);
  reconcile();
}

TEST_F(KafkaProducerTest, GivesToTheNextClientWhatWasNotSent) {
  make();
  run_for(seconds(5));
  cluster_.go_down();
  ASSERT_TRUE(run_until([&] { return !producer_->connected(); }));
  add_many(400);
  rd_kafka_test_fatal_error(producer_->client()->handle(), RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                            "for this test");
  run_for(milliseconds(300));
  EXPECT_EQ(counters().transport_sessions, 2U);
  EXPECT_EQ(counters().waiting.flows, 400U) << "none is lost";
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().flows, 400U);
  EXPECT_EQ(reconcile().size(), 400U);
}

TEST_F(KafkaProducerTest, MakesNoClientAfterTheOtherWhereEachMeetsAFatalError) {
  make();
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < seconds(7)) {
    if (Client* const client = producer_->client()) {
      rd_kafka_test_fatal_error(client->handle(), RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                "for this test");
    }
    add_many(5);
    run_for(milliseconds(50));
  }
  EXPECT_LE(counters().transport_sessions, 3U);
  EXPECT_GT(counters().lost_send_error, 0U);
  expect_balance();
  reconcile();
}

TEST_F(KafkaProducerTest, CountsAllThatWaitsWhenItStopsWhileBrokersAreAway) {
  make();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  cluster_.go_down();
  ASSERT_TRUE(run_until([&] {
    add();
    return !producer_->connected();
  }));
  const std::uint64_t waiting = counters().waiting.flows;
  const auto begun = std::chrono::steady_clock::now();
  producer_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5));
  EXPECT_EQ(counters().lost_stopped.flows + counters().lost_uncertain.flows, waiting);
  EXPECT_GT(counters().lost_stopped.flows, 0U);
  EXPECT_EQ(counters().flows, 10U);
  reconcile();
}

TEST_F(KafkaProducerTest, WaitsAMomentForAnswersWhenItStops) {
  make();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  add_many(200);
  EXPECT_TRUE(producer_->busy());
  producer_->stop();
  EXPECT_EQ(counters().flows, 210U);
  EXPECT_EQ(reconcile().size(), 210U);
}

TEST_F(KafkaProducerTest, WaitsAMomentWhenItStopsBeforeItIsConnected) {
  make();
  add_many(20);
  EXPECT_TRUE(producer_->busy()) << "nothing says that it will not succeed";
  run_for(seconds(1));
  producer_->stop();
  EXPECT_EQ(counters().flows + counters().lost_stopped.flows + counters().lost_uncertain.flows,
            20U);
  reconcile();
}

TEST_F(KafkaProducerTest, CountsAsUncertainWhatIsOnItsWayWhenItStops) {
  make();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  cluster_.answer_after(10'000);
  add_many(100);
  run_for(milliseconds(300));
  const auto begun = std::chrono::steady_clock::now();
  producer_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5));
  EXPECT_EQ(counters().flows, 10U);
  EXPECT_EQ(counters().lost_uncertain.flows, 100U);
  EXPECT_EQ(reconcile().size(), 110U) << "the mock cluster had taken them";
}

TEST_F(KafkaProducerTest, StopsTwiceAndWithoutLines) {
  make();
  producer_->stop();
  producer_->stop();
  EXPECT_EQ(reconcile().size(), 0U);
}

TEST_F(KafkaProducerTest, SaysWhichSettingsDoNotGoTogether) {
  config_.settings["max.in.flight.requests.per.connection"] = "100";
  try {
    make();
    FAIL() << "it was made";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("max.in.flight"));
  }
}

TEST_F(KafkaProducerTest, LetsNoSettingTakeAwayItsPromises) {
  // Only reached by code that does not ask find_fault() before.
  config_.settings["enable.idempotence"] = "false";
  config_.settings["acks"] = "0";
  make();
  std::array<char, 16> value{};
  std::size_t length = value.size();
  const rd_kafka_conf_t* const all = rd_kafka_conf(producer_->client()->handle());
  ASSERT_EQ(rd_kafka_conf_get(all, "enable.idempotence", value.data(), &length), RD_KAFKA_CONF_OK);
  EXPECT_STREQ(value.data(), "true");
  add_many(20);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 20U);
}

}  // namespace
}  // namespace ctflow::kafka
