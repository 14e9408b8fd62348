// SPDX-License-Identifier: GPL-2.0-or-later
// librdkafka's mock cluster as a program, at ports of 127.0.0.1. Its first line is where:
// HOST:PORT,… Then it does what it reads, a word on each line, says "done" to each, and ends with
// its input:
//   down, up    all brokers refuse connections, or take them again
//   slow, fast  they answer after a fifth of a second, or at once again
//   refuse      the next request to produce is answered with "message too large"
//   forget      … with "out of order sequence number", which is fatal for an idempotent producer
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

constexpr int kBrokers = 3;
constexpr int kPartitions = 4;
constexpr std::int16_t kProduceRequest = 0;  // its number in Kafka's protocol

bool act(rd_kafka_mock_cluster_t* cluster, const std::string& word) {
  if (word == "down") {
    return rd_kafka_mock_broker_set_down(cluster, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  if (word == "up") {
    return rd_kafka_mock_broker_set_up(cluster, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  if (word == "slow" || word == "fast") {
    constexpr int kFifth = 200;  // milliseconds
    return rd_kafka_mock_broker_set_rtt(cluster, -1, word == "slow" ? kFifth : 0) ==
           RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  if (word != "refuse" && word != "forget") return false;
  const std::array errors{word == "refuse" ? RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                                           : RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER};
  rd_kafka_mock_push_request_errors_array(cluster, kProduceRequest, errors.size(), errors.data());
  return true;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: kafka_cluster TOPIC\n";
    return EXIT_FAILURE;
  }
  std::array<char, 512> reason{};
  rd_kafka_conf_t* const quiet = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(quiet, nullptr);
  rd_kafka_t* const host = rd_kafka_new(RD_KAFKA_PRODUCER, quiet, reason.data(), reason.size());
  if (host == nullptr) {
    std::cerr << reason.data() << '\n';
    return EXIT_FAILURE;
  }
  rd_kafka_mock_cluster_t* const cluster = rd_kafka_mock_cluster_new(host, kBrokers);
  rd_kafka_mock_topic_create(cluster, words[1], kPartitions, kBrokers);
  std::cout << rd_kafka_mock_cluster_bootstraps(cluster) << std::endl;
  for (std::string word; std::getline(std::cin, word);) {
    std::cout << (act(cluster, word) ? "done" : "unknown") << std::endl;
  }
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(host);
  return EXIT_SUCCESS;
}
