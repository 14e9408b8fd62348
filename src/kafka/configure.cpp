// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/configure.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <stdexcept>
#include <string>

#include "ctflow/config.hpp"

namespace ctflow::kafka {

void DestroyProperties::operator()(rd_kafka_conf_s* properties) const {
  rd_kafka_conf_destroy(properties);
}

void set(rd_kafka_conf_s* properties, const char* name, const char* value) {
  std::array<char, 512> reason{};
  if (rd_kafka_conf_set(properties, name, value, reason.data(), reason.size()) !=
      RD_KAFKA_CONF_OK) {
    throw std::runtime_error(fmt::format("librdkafka refuses {}: {}", name, reason.data()));
  }
}

OwnedProperties configure(const ConnectionLogConfig& config) {
  OwnedProperties properties(rd_kafka_conf_new());
  rd_kafka_conf_t* const all = properties.get();
  set(all, "client.id", "ctflowd");
  // Java's, so that other writers of the same keys meet in the same partitions.
  set(all, "partitioner", "murmur2_random");
  set(all, "message.timeout.ms", "0");  // lines wait as long as buffer has room
  for (const auto& [name, value] : config.settings) set(all, name.c_str(), value.c_str());
  set(all, "enable.idempotence", "true");
  set(all, "acks", "all");
  // Our own limit is reached first: librdkafka counts the values only, and has its own overhead.
  set(all, "queue.buffering.max.kbytes", std::to_string(config.buffer / 1024 + 1).c_str());
  constexpr const char* kMostMessages = "10000000";  // what every version takes
  set(all, "queue.buffering.max.messages", kMostMessages);
  set(all, "statistics.interval.ms", "5000");
  set(all, "log.queue", "true");
  return properties;
}

void set_brokers(rd_kafka_conf_s* properties, const ConnectionLogConfig& config) {
  set(properties, "bootstrap.servers", fmt::format("{}", fmt::join(config.brokers, ",")).c_str());
}

}  // namespace ctflow::kafka
