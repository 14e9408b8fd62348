// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/kafka_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection_log/connection_log.hpp"
#include "connection_log/line.hpp"
#include "support/kafka_cluster.hpp"
#include "support/sample_flows.hpp"

namespace ctflow {
namespace {

class KafkaSinkTest : public testing::Test {
 protected:
  KafkaSinkTest() {
    config_.name = "topic";
    config_.to = LogDestination::kKafka;
    config_.brokers = cluster_.brokers();
    config_.topic = test::KafkaCluster::kTopic;
    log_.emplace(
        config_,
        [this](ExportLedger& ledger) { return make_kafka_sink(io_, config_, ledger, [] {}); },
        std::make_shared<OutputContext>());
  }

  [[nodiscard]] OutputStatus status() const { return log_->status(system_now()); }
  [[nodiscard]] bool run_until_none_waits() {
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (status().counters.waiting.flows > 0 && std::chrono::steady_clock::now() < latest) {
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return status().counters.waiting.flows == 0;
  }

  boost::asio::io_context io_;
  test::KafkaCluster cluster_;
  ConnectionLogConfig config_;
  std::optional<ConnectionLog> log_;
};

TEST_F(KafkaSinkTest, MakesAMessageOfEachLineWithItsOwnAmounts) {
  const std::vector<Flow> flows{test::sample::tcp(), test::sample::snat(), test::sample::icmp_nat(),
                                test::sample::nat66(), test::sample::icmpv6_nat64()};
  std::string expected;
  std::uint64_t octets = 0;
  for (const Flow& flow : flows) {
    log_->offer(flow, system_now());
    append_line(expected, flow, {});
    octets += flow.original_counters.octets + flow.reply_counters.octets;
  }
  log_->flush();
  EXPECT_EQ(status().counters.waiting.flows, flows.size());
  EXPECT_EQ(status().counters.waiting.octets, octets);
  ASSERT_TRUE(run_until_none_waits());
  const OutputStatus now = status();
  EXPECT_TRUE(now.connected);
  EXPECT_EQ(std::get<ConnectionLogStatus>(now.details).to, LogDestination::kKafka);
  ASSERT_FALSE(std::get<ConnectionLogStatus>(now.details).brokers.empty());
  ASSERT_EQ(log_->peers().size(), std::get<ConnectionLogStatus>(now.details).brokers.size());
  EXPECT_EQ(log_->peers()[0].endpoint, std::get<ConnectionLogStatus>(now.details).brokers[0]);
  EXPECT_EQ(now.counters.messages, flows.size());
  EXPECT_EQ(now.counters.octets, octets);
  EXPECT_EQ(now.counters.message_octets, expected.size() - flows.size()) << "without line feeds";
  ASSERT_TRUE(now.backlog);
  EXPECT_EQ(now.backlog->memory, 0U);
  EXPECT_EQ(now.backlog->memory_limit, config_.buffer);
  log_->stop();
  const auto messages = cluster_.read();
  ASSERT_EQ(messages.size(), flows.size());
  for (const test::TopicMessage& one : messages) {
    EXPECT_NE(expected.find(one.value + "\n"), std::string::npos) << one.value;
    EXPECT_EQ(one.key.substr(0, 2), "1:");
    EXPECT_NE(one.value.find("\"community_id\":\"" + one.key + '"'), std::string::npos);
  }
}

TEST_F(KafkaSinkTest, KeepsEachLinesAmountsWhereABatchIsFull) {
  for (int i = 0; i < 500; ++i) log_->offer(test::sample::tcp(), system_now());
  log_->flush();
  ASSERT_TRUE(run_until_none_waits());
  log_->stop();
  EXPECT_EQ(status().counters.records, 500U);
  EXPECT_EQ(cluster_.read().size(), 500U);
  EXPECT_EQ(status().counters.offered, 500U);
}

TEST_F(KafkaSinkTest, NamesTopicAndBrokerAndIsNoWaitForNames) {
  EXPECT_EQ(status().peer, "connections@" + cluster_.brokers().front());
  EXPECT_FALSE(log_->lookup_running());
  log_->stop();
  EXPECT_FALSE(log_->lookup_running());
}

}  // namespace
}  // namespace ctflow
