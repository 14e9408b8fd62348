// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/configure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <stdexcept>

#include "ctflow/config.hpp"

namespace ctflow::kafka {
namespace {

std::string value_of(const OwnedProperties& properties, const char* name) {
  std::array<char, 256> value{};
  std::size_t length = value.size();
  EXPECT_EQ(rd_kafka_conf_get(properties.get(), name, value.data(), &length), RD_KAFKA_CONF_OK);
  return value.data();
}

TEST(KafkaConfigure, PutsSettingsOverDefaultsAndPromisesOverSettings) {
  ConnectionLogConfig config;
  EXPECT_EQ(value_of(configure(config), "client.id"), "ctflowd");
  EXPECT_EQ(value_of(configure(config), "message.timeout.ms"), "0");
  EXPECT_EQ(value_of(configure(config), "queue.buffering.max.kbytes"), "4097");
  config.buffer = std::size_t{1} << 30;
  config.settings = {{"client.id", "edge"},
                     {"message.timeout.ms", "5000"},
                     {"enable.idempotence", "false"},
                     {"acks", "1"},
                     {"queue.buffering.max.kbytes", "7"}};
  const OwnedProperties all = configure(config);
  EXPECT_EQ(value_of(all, "client.id"), "edge");
  EXPECT_EQ(value_of(all, "message.timeout.ms"), "5000");
  EXPECT_EQ(value_of(all, "enable.idempotence"), "true");
  EXPECT_EQ(value_of(all, "acks"), "-1") << "all replicas in sync";
  EXPECT_EQ(value_of(all, "queue.buffering.max.kbytes"), "1048577");
}

TEST(KafkaConfigure, JoinsBrokers) {
  ConnectionLogConfig config;
  config.brokers = {"kafka1.example:9092", "[2001:db8::1]:9093"};
  const OwnedProperties all = configure(config);
  set_brokers(all.get(), config);
  EXPECT_EQ(value_of(all, "bootstrap.servers"), "kafka1.example:9092,[2001:db8::1]:9093");
}

TEST(KafkaConfigure, ThrowsWhereLibrdkafkaRefuses) {
  ConnectionLogConfig config;
  config.settings = {{"no.such.property", "1"}};
  try {
    configure(config);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no.such.property"));
  }
}

}  // namespace
}  // namespace ctflow::kafka
