// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/properties.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctflow::kafka {
namespace {

using testing::HasSubstr;

TEST(KafkaProperties, AreTakenWhereLibrdkafkaTakesThem) {
  EXPECT_EQ(find_fault({}), std::nullopt);
  EXPECT_EQ(find_fault({{"compression.codec", "zstd"},
                        {"message.timeout.ms", "60000"},
                        {"partitioner", "consistent"},
                        {"sasl.mechanism", "SCRAM-SHA-512"},
                        {"sasl.password", "a b\"c"},
                        {"security.protocol", "SASL_SSL"}}),
            std::nullopt);
}

TEST(KafkaProperties, AreRefusedWithTheReasonOfLibrdkafka) {
  EXPECT_THAT(find_fault({{"compresion.codec", "zstd"}}).value_or(""),
              testing::AllOf(HasSubstr("compresion.codec"), HasSubstr("No such")));
  EXPECT_THAT(find_fault({{"compression.codec", "rar"}}).value_or(""),
              testing::AllOf(HasSubstr("compression.codec"), HasSubstr("rar")));
  EXPECT_THAT(find_fault({{"message.timeout.ms", "-1"}}).value_or(""), HasSubstr("range"));
  // A function cannot stand in a file.
  EXPECT_NE(find_fault({{"dr_msg_cb", "1"}}), std::nullopt);
}

TEST(KafkaProperties, OnWhichPromisesDependCannotBeSet) {
  for (const char* const owned :
       {"acks", "bootstrap.servers", "delivery.report.only.error", "enable.idempotence",
        "internal.termination.signal", "log.queue", "metadata.broker.list", "plugin.library.paths",
        "queue.buffering.max.kbytes", "queue.buffering.max.messages", "request.required.acks",
        "statistics.interval.ms", "test.mock.num.brokers", "transactional.id"}) {
    EXPECT_NE(why_owned(owned), std::nullopt) << owned;
    EXPECT_THAT(find_fault({{owned, "1"}}).value_or(""),
                testing::StartsWith(std::string(owned) + " cannot be set here: "));
  }
  EXPECT_THAT(find_fault({{"enable.idempotence", "true"}}).value_or(""), HasSubstr("twice"));
  EXPECT_THAT(find_fault({{"partitioner", "random"}}).value_or(""), HasSubstr("out of order"));
  EXPECT_EQ(why_owned("linger.ms"), std::nullopt);
}

}  // namespace
}  // namespace ctflow::kafka
