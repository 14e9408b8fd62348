// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/properties.hpp"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace ctflow::kafka {
namespace {

constexpr const char* kOnce = "ctflowd sets it, so that no line is there twice or lost unnoticed";
constexpr const char* kQueue = "set buffer, the octets of lines that may wait";
constexpr const char* kReports = "ctflowd sets it, to hear what became of each line";

struct Owned {
  std::string_view name;
  const char* why;
};

constexpr std::array kOwned{
    Owned{"acks", kOnce},
    Owned{"bootstrap.servers", "set brokers"},
    Owned{"delivery.report.only.error", kReports},
    Owned{"enable.idempotence", kOnce},
    Owned{"enabled_events", kReports},
    Owned{"internal.termination.signal", "signals are ctflowd's"},
    Owned{"log.queue", kReports},
    Owned{"metadata.broker.list", "set brokers"},
    Owned{"plugin.library.paths", "ctflowd loads no other libraries"},
    Owned{"queue.buffering.max.kbytes", kQueue},
    Owned{"queue.buffering.max.messages", kQueue},
    Owned{"request.required.acks", kOnce},
    Owned{"statistics.interval.ms", "ctflowd sets it, to know which brokers are connected"},
    Owned{"transactional.id", "lines are not written in transactions"},
};

bool begins_with(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

}  // namespace

std::optional<std::string> why_owned(std::string_view property) {
  const auto* const found = std::find_if(kOwned.begin(), kOwned.end(),
                                         [&](const Owned& one) { return one.name == property; });
  if (found != kOwned.end()) return found->why;
  if (begins_with(property, "test."))
    return "it is for tests of librdkafka: lines would go nowhere";
  return std::nullopt;
}

std::optional<std::string> find_fault(const Properties& properties) {
  const std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> scratch(
      rd_kafka_conf_new(), rd_kafka_conf_destroy);
  for (const auto& [name, value] : properties) {
    if (const auto why = why_owned(name))
      return fmt::format("{} cannot be set here: {}", name, *why);
    if (name == "partitioner" && value == "random") {
      return "partitioner: expected one that goes by the key, such as murmur2_random, got random: "
             "the lines of a connection would be in several partitions, out of order";
    }
    std::array<char, 512> reason{};
    if (rd_kafka_conf_set(scratch.get(), name.c_str(), value.c_str(), reason.data(),
                          reason.size()) != RD_KAFKA_CONF_OK) {
      return fmt::format("librdkafka refuses {}: {}", name, reason.data());
    }
  }
  return std::nullopt;
}

}  // namespace ctflow::kafka
