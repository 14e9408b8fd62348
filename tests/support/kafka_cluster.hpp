// SPDX-License-Identifier: GPL-2.0-or-later
// librdkafka's mock cluster, and what its consumer reads of a topic: a witness that is not ours.
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctflow::test {

struct TopicMessage {
  int partition;
  std::int64_t offset;
  std::string key;
  std::string value;
};

class KafkaCluster {
 public:
  static constexpr int kPartitions = 4;
  static constexpr const char* kTopic = "connections";
  static constexpr std::int16_t kProduceRequest = 0;  ///< its number in Kafka's protocol

  explicit KafkaCluster(int brokers = 1) : host_(make(RD_KAFKA_PRODUCER, {})) {
    cluster_ = rd_kafka_mock_cluster_new(host_, brokers);
    rd_kafka_mock_topic_create(cluster_, kTopic, kPartitions, brokers);
    // Each broker leads a partition: the cluster draws lots, and may leave one out.
    for (int i = 0; i < kPartitions; ++i)
      rd_kafka_mock_partition_set_leader(cluster_, kTopic, i, 1 + i % brokers);
  }
  ~KafkaCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;
  KafkaCluster(KafkaCluster&&) = delete;
  KafkaCluster& operator=(KafkaCluster&&) = delete;

  [[nodiscard]] rd_kafka_mock_cluster_t* mock() const { return cluster_; }
  [[nodiscard]] std::string bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  /// As `brokers:` has them.
  [[nodiscard]] std::vector<std::string> brokers() const {
    std::vector<std::string> all;
    std::string rest = bootstrap();
    for (std::size_t comma = 0; comma != std::string::npos;) {
      comma = rest.find(',');
      all.push_back(rest.substr(0, comma));
      rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    return all;
  }

  void go_down() const { rd_kafka_mock_broker_set_down(cluster_, -1); }
  void come_up() const { rd_kafka_mock_broker_set_up(cluster_, -1); }
  /// What the next requests to produce are answered with.
  void answer(const std::vector<rd_kafka_resp_err_t>& errors) const {
    rd_kafka_mock_push_request_errors_array(cluster_, kProduceRequest, errors.size(),
                                            errors.data());
  }
  void answer_after(int milliseconds) const {
    rd_kafka_mock_broker_set_rtt(cluster_, -1, milliseconds);
  }

  /// All that is in the topic, each partition in its order.
  [[nodiscard]] std::vector<TopicMessage> read() const {
    rd_kafka_t* const consumer = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap()},
                                                          {"group.id", "witness"},
                                                          {"enable.partition.eof", "true"},
                                                          {"auto.offset.reset", "earliest"}});
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t* const all = rd_kafka_topic_partition_list_new(kPartitions);
    for (int i = 0; i < kPartitions; ++i) {
      rd_kafka_topic_partition_list_add(all, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
    std::vector<TopicMessage> messages;
    std::set<int> ended;  // the end of a partition may be reported more than once
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (ended.size() < kPartitions) {
      if (std::chrono::steady_clock::now() > latest) {
        ADD_FAILURE() << "the topic cannot be read";
        break;
      }
      rd_kafka_message_t* const one = rd_kafka_consumer_poll(consumer, 100);
      if (one == nullptr) continue;
      if (one->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended.insert(one->partition);
      if (one->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        messages.push_back({one->partition, one->offset,
                            std::string(static_cast<const char*>(one->key), one->key_len),
                            std::string(static_cast<const char*>(one->payload), one->len)});
      }
      rd_kafka_message_destroy(one);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return messages;
  }

 private:
  static rd_kafka_t* make(rd_kafka_type_t type,
                          const std::vector<std::pair<std::string, std::string>>& settings) {
    rd_kafka_conf_t* const properties = rd_kafka_conf_new();
    std::array<char, 512> reason{};
    for (const auto& [name, value] : settings) {
      rd_kafka_conf_set(properties, name.c_str(), value.c_str(), reason.data(), reason.size());
    }
    rd_kafka_conf_set_log_cb(properties, nullptr);
    rd_kafka_t* const client = rd_kafka_new(type, properties, reason.data(), reason.size());
    if (client == nullptr) throw std::runtime_error(reason.data());
    return client;
  }

  rd_kafka_t* host_;
  rd_kafka_mock_cluster_t* cluster_;
};

}  // namespace ctflow::test
