// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/connection_log_settings.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "config/missing_part.hpp"
#include "config/output_filter_settings.hpp"
#include "config/postgresql_settings.hpp"
#include "config/setting_words.hpp"
#include "config/transport_settings.hpp"
#include "kafka/properties.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

Section<RotationConfig> rotation_settings() {
  using R = RotationConfig;
  return {{
              value("size", kOptional, size_or_off("64KiB", "1024GiB"), &R::size),
              value("interval", kOptional, duration_or_off("1m", "744h"), &R::interval),
              value("keep", kOptional, integer(0, 100'000), &R::keep),
          },
          {}};
}

/// Of librdkafka's properties those that let others write to the topic.
bool is_secret(const std::string& property) {
  for (const char* const word :
       {"password", "passphrase", "secret", ".key.pem", "oauthbearer.config"}) {
    if (property.find(word) != std::string::npos) return true;
  }
  return false;
}

/// With `to: kafka` the spool is on disk only.
std::optional<Complaint> check_topic_spool(const SpoolConfig& spool) {
  if (spool.memory != SpoolConfig{}.memory) {
    return Complaint{"spool",
                     "memory: expected only with to: unix or to: tcp; with to: kafka buffer is the "
                     "limit of what waits in memory"};
  }
  if (spool.rate != 0) {
    return Complaint{"spool",
                     "rate: expected only with to: unix or to: tcp; with to: kafka brokers have "
                     "quotas"};
  }
  if (spool != SpoolConfig{} && spool.directory.empty()) {
    return Complaint{"spool", "expected a directory, without which nothing waits on disk"};
  }
  return std::nullopt;
}

/// Who sets it must not be left in the belief that it is used.
std::optional<Complaint> check_surplus(const ConnectionLogConfig& log) {
  const auto only = [&](const char* key, const char* with) {
    return Complaint{
        key, fmt::format("expected only with to: {}, got it with to: {}", with, word_of(log.to))};
  };
  const bool file = log.to == LogDestination::kFile;
  if (!file && log.to != LogDestination::kUnix && !log.path.empty()) {
    return only("path", "file or to: unix");
  }
  if (!file && log.rotate != RotationConfig{}) return only("rotate", "file");
  const bool kafka = log.to == LogDestination::kKafka;
  if (log.to == LogDestination::kPostgresql && log.spool != SpoolConfig{}) {
    return only("spool", "unix, tcp or kafka");
  }
  if (kafka) return check_topic_spool(log.spool);
  if (!log.brokers.empty()) return only("brokers", "kafka");
  if (!log.topic.empty()) return only("topic", "kafka");
  if (!log.settings.empty()) return only("settings", "kafka");
  return std::nullopt;
}

std::optional<Complaint> check_kafka(const ConnectionLogConfig& log) {
  if (!built_parts().kafka) return Complaint{"to", kWithoutKafka};
  if (log.brokers.empty()) {
    return Complaint{"brokers", "missing: expected a list of brokers, at least one"};
  }
  if (log.topic.empty()) return Complaint{"topic", "missing: expected " + topic().expected};
  if (const auto fault = kafka::find_fault(log.settings)) return Complaint{"settings", *fault};
  return std::nullopt;
}

std::optional<Complaint> check_log(const ConnectionLogConfig& log) {
  const bool named = log.to == LogDestination::kFile || log.to == LogDestination::kUnix;
  constexpr std::size_t kLongestSocket = 107;  // octets of sun_path (unix(7)) but for the last
  if (named && log.path.empty()) {
    return Complaint{"path", "missing: expected " + absolute_path().expected};
  }
  if (log.to == LogDestination::kUnix && log.path.size() > kLongestSocket) {
    return Complaint{"path", fmt::format("expected at most {} octets for a unix socket, got {}",
                                         kLongestSocket, log.path.size())};
  }
  if (log.to == LogDestination::kTcp && log.address.empty()) {
    return Complaint{"address", "missing: expected " + host().expected};
  }
  if (log.to == LogDestination::kTcp && log.port == 0) {
    return Complaint{"port", "missing: expected " + port().expected};
  }
  if (log.to == LogDestination::kKafka) {
    if (auto complaint = check_kafka(log)) return complaint;
  }
  if (log.rotate.keep > 0 && log.rotate.size == 0 && log.rotate.interval.count() == 0) {
    return Complaint{"rotate",
                     "keep: expected with it a size or an interval, without which no "
                     "file is ever rotated"};
  }
  if (auto complaint = check_surplus(log)) return complaint;
  if (auto complaint = check_postgresql(log)) return complaint;
  return check_filter(log.filter);
}

/// Of whatever spelling: //, /./ mean nothing. `..` stays, which may lead elsewhere by a symbolic
/// link.
bool same_file(const std::string& one, const std::string& other) {
  const auto parts = [](const std::filesystem::path& path) {
    std::vector<std::string> found;
    for (const std::filesystem::path& part : path) {
      if (part != ".") found.push_back(part.string());
    }
    return found;
  };
  return parts(one) == parts(other);
}

/// Whether the lines of both would meet.
bool same_place(const ConnectionLogConfig& one, const ConnectionLogConfig& other) {
  if (one.to != other.to) return false;
  if (one.to == LogDestination::kPostgresql) {
    return one.postgresql.connection == other.postgresql.connection &&
           one.postgresql.table == other.postgresql.table;
  }
  return one.to == LogDestination::kStdout ||
         (one.to == LogDestination::kFile && same_file(one.path, other.path)) ||
         (one.to == LogDestination::kKafka && one.topic == other.topic &&
          one.brokers == other.brokers);
}

}  // namespace

Section<ConnectionLogConfig> connection_log_settings() {
  using L = ConnectionLogConfig;
  return {{
              value("name", kRequired, identifier(), &L::name),
              value("to", kRequired, choice_of(kDestinationWords), &L::to),
              value("path", kOptional, absolute_path(), &L::path),
              value("address", kOptional, host(), &L::address),
              value("port", kOptional, port(), &L::port),
              value("flush_after", kOptional, duration("1ms", "60s"), &L::flush_after),
              value("buffer", kOptional, size("256KiB", "1GiB"), &L::buffer),
              words("brokers", kOptional, "brokers", broker(), &L::brokers),
              value("topic", kOptional, topic(), &L::topic),
              texts("settings", kOptional, "librdkafka's properties", is_secret, &L::settings),
              value("mac_addresses", kOptional, boolean(), &L::mac_addresses),
              value("network_origins", kOptional, boolean(), &L::network_origins),
              section("rotate", kOptional, rotation_settings(), &L::rotate),
              section("spool", kOptional, spool_settings(), &L::spool),
              section("postgresql", kOptional, postgresql_settings(), &L::postgresql),
              list("filter", kOptional, filter_rule(), &L::filter),
          },
          check_log};
}

std::optional<Complaint> check_connection_logs(const Config& config) {
  if (config.collectors.empty() && config.log_connections.empty() && !config.nat_log.enabled() &&
      !config.accounting.enabled()) {
    return Complaint{"collectors", "missing: expected a list of at least one mapping of settings"};
  }
  const auto& all = config.log_connections;
  for (auto other = all.begin(); other != all.end(); ++other) {
    const auto one = std::find_if(all.begin(), other, [&](const ConnectionLogConfig& earlier) {
      return same_place(earlier, *other);
    });
    if (one != other) {
      return Complaint{
          "log_connections",
          fmt::format("{} and {} write to the same {}: every line would be there twice", one->name,
                      other->name, word_of(one->to))};
    }
    // Status, metrics and the spool know outputs by their names.
    const bool taken = std::any_of(
        config.collectors.begin(), config.collectors.end(),
        [&](const CollectorConfig& collector) { return collector.name == other->name; });
    if (taken) {
      return Complaint{
          "log_connections",
          fmt::format("expected a name of its own, got that of the collector {}", other->name)};
    }
  }
  return std::nullopt;
}

}  // namespace ctflow::config
