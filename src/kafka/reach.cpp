// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/reach.hpp"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "ctflow/config.hpp"
#include "kafka/configure.hpp"

namespace ctflow::kafka {
namespace {

using OwnedClient = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

/// Throws std::runtime_error with librdkafka's reason.
OwnedClient make_client(rd_kafka_type_t type, OwnedProperties properties) {
  std::array<char, 512> reason{};
  OwnedClient client(rd_kafka_new(type, properties.get(), reason.data(), reason.size()),
                     rd_kafka_destroy);
  if (!client) throw std::runtime_error(std::string("librdkafka: ") + reason.data());
  (void)properties.release();  // the client's
  return client;
}

std::string fault_of_topic(const rd_kafka_metadata_topic_t& topic) {
  if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fmt::format("topic {}: {}", topic.topic, rd_kafka_err2str(topic.err));
  }
  for (int i = 0; i < topic.partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& one = topic.partitions[i];
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && one.leader >= 0) continue;
    return fmt::format("topic {}: partition {} has no leader", topic.topic, one.id);
  }
  return "";
}

/// The reason of the broker that was tried last; empty: none was noted.
std::string last_error(rd_kafka_queue_t* queue) {
  std::string text;
  while (rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 0)) {
    const bool broker = rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
                        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    if (broker) text = rd_kafka_event_error_string(event);
    rd_kafka_event_destroy(event);
  }
  return text;
}

std::string ask_for_topic(rd_kafka_t* client, const std::string& name,
                          std::chrono::milliseconds patience) {
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(client, name.c_str(), nullptr), rd_kafka_topic_destroy);
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_get_main(client), rd_kafka_queue_destroy);
  const rd_kafka_metadata_t* found = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, 0, topic.get(), &found, static_cast<int>(patience.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string reason = last_error(queue.get());
    return reason.empty() ? rd_kafka_err2str(error) : reason;
  }
  const std::unique_ptr<const rd_kafka_metadata_t, decltype(&rd_kafka_metadata_destroy)> answer(
      found, rd_kafka_metadata_destroy);
  return answer->topic_cnt == 1 ? fault_of_topic(answer->topics[0]) : "the brokers do not answer";
}

}  // namespace

std::string why_unusable(const ConnectionLogConfig& config) {
  try {
    make_client(RD_KAFKA_PRODUCER, configure(config));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

std::string why_unreachable(const ConnectionLogConfig& config, std::chrono::milliseconds patience) {
  try {
    OwnedProperties properties = configure(config);
    set_brokers(properties.get(), config);
    rd_kafka_conf_set_events(properties.get(), RD_KAFKA_EVENT_ERROR);
    // As a consumer: for a producer the brokers might make the topic.
    const OwnedClient client = make_client(RD_KAFKA_CONSUMER, std::move(properties));
    return ask_for_topic(client.get(), config.topic, patience);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace ctflow::kafka
