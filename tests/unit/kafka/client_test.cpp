// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/client.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "ctflow/config.hpp"
#include "process/descriptor.hpp"
#include "support/kafka_cluster.hpp"

namespace ctflow::kafka {
namespace {

/// Requests are refused, connections end, brokers go away and leaders change by chance, while
/// several requests are on their way. Each line is known by its number, in the reports and in the
/// topic.
class KafkaReports : public testing::TestWithParam<unsigned>, public ClientEvents {
 protected:
  KafkaReports() {
    config_.to = LogDestination::kKafka;
    config_.brokers = cluster_.brokers();
    config_.topic = test::KafkaCluster::kTopic;
    config_.settings = {{"reconnect.backoff.max.ms", "200"}, {"retry.backoff.ms", "20"}};
    client_.emplace(config_, wake_.number());
  }

  void on_delivery(const Delivery& delivery) override {
    const std::uint64_t number = std::stoull(std::string(delivery.value));
    EXPECT_TRUE(outcomes_.emplace(number, delivery.outcome).second) << "again: " << number;
  }
  void on_problem(ProblemKind /*kind*/, const std::string& /*text*/) override {}
  void on_fatal(const std::string& text) override { FAIL() << text; }
  void on_log(int /*level*/, const std::string& /*text*/) override {}
  void on_statistics(std::size_t /*connected*/) override {}
  void on_broker() override {}

  void produce(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string key = std::to_string(++lines_ % 37);
      ASSERT_EQ(client_->produce(key, std::to_string(lines_), nullptr), Client::Taken::kYes);
    }
  }

  void serve_for(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until && outcomes_.size() < lines_) {
      client_->serve(*this, std::chrono::milliseconds(2));
    }
  }

  void disturb() {
    switch (random_() % 9) {
      case 0:
        cluster_.go_down();
        break;
      case 1:
      case 2:
        cluster_.come_up();
        break;
      case 3:
      case 7:
        cluster_.answer({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
        break;
      case 4:
        cluster_.answer({RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT});
        break;
      case 5:
        cluster_.answer({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
        break;
      case 6:
        cluster_.answer_after(static_cast<int>(random_() % 100));
        break;
      default:
        rd_kafka_mock_partition_set_leader(
            cluster_.mock(), test::KafkaCluster::kTopic,
            static_cast<int>(random_() % test::KafkaCluster::kPartitions),
            static_cast<int>(1 + random_() % 3));
    }
  }

  [[nodiscard]] std::set<std::uint64_t> read() const {
    cluster_.answer_after(0);
    cluster_.come_up();
    rd_kafka_mock_clear_request_errors(cluster_.mock(), test::KafkaCluster::kProduceRequest);
    std::set<std::uint64_t> numbers;
    for (const test::TopicMessage& one : cluster_.read()) numbers.insert(std::stoull(one.value));
    return numbers;
  }

  test::KafkaCluster cluster_{3};
  Descriptor wake_{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  ConnectionLogConfig config_;
  std::optional<Client> client_;
  std::uint64_t lines_ = 0;
  std::map<std::uint64_t, Outcome> outcomes_;
  std::mt19937 random_{GetParam()};
};

TEST_P(KafkaReports, AreTrueOfEachLine) {
  for (int i = 0; i < 120; ++i) {
    produce(random_() % 60);
    serve_for(std::chrono::milliseconds(random_() % 40));
    if (i % 3 == 0) disturb();
  }
  client_->purge();
  serve_for(std::chrono::seconds(10));
  ASSERT_EQ(outcomes_.size(), lines_) << "each has one report";
  ASSERT_TRUE(client_->close(std::chrono::seconds(10)));

  const std::set<std::uint64_t> numbers = read();
  std::size_t acknowledged = 0;
  for (const auto& [number, outcome] : outcomes_) {
    const bool there = numbers.count(number) > 0;
    if (outcome == Outcome::kAcknowledged) {
      ++acknowledged;
      EXPECT_TRUE(there) << "acknowledged and not in the topic: " << number;
    } else if (outcome != Outcome::kUncertain) {
      EXPECT_FALSE(there) << "said to be lost and in the topic: " << number;
    }
  }
  EXPECT_GT(acknowledged, 0U);
  std::cout << "lines " << lines_ << ", acknowledged " << acknowledged << ", in the topic "
            << numbers.size() << '\n';
}

INSTANTIATE_TEST_SUITE_P(Seeds, KafkaReports, testing::Range(0U, 6U));

}  // namespace
}  // namespace ctflow::kafka
