// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/reach.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctflow/config.hpp"
#include "support/kafka_cluster.hpp"

namespace ctflow::kafka {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class KafkaReach : public testing::Test {
 protected:
  KafkaReach() {
    config_.to = LogDestination::kKafka;
    config_.brokers = cluster_.brokers();
    config_.topic = test::KafkaCluster::kTopic;
  }

  test::KafkaCluster cluster_;
  ConnectionLogConfig config_;
};

TEST_F(KafkaReach, FindsATopicThatCanBeWritten) {
  EXPECT_EQ(why_unusable(config_), "");
  EXPECT_EQ(why_unreachable(config_, seconds(10)), "");
}

TEST_F(KafkaReach, SaysWhyNoBrokerAnswers) {
  cluster_.go_down();
  EXPECT_THAT(why_unreachable(config_, seconds(1)), HasSubstr("refused"));
  config_.brokers = {"no-such-host.invalid:9092"};
  EXPECT_THAT(why_unreachable(config_, seconds(2)), testing::Not(testing::IsEmpty()));
}

TEST_F(KafkaReach, SaysWhatIsWrongWithTheTopic) {
  rd_kafka_mock_topic_set_error(cluster_.mock(), test::KafkaCluster::kTopic,
                                RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  EXPECT_THAT(why_unreachable(config_, seconds(5)), HasSubstr("uthoriz"));
  rd_kafka_mock_topic_set_error(cluster_.mock(), test::KafkaCluster::kTopic,
                                RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_mock_partition_set_leader(cluster_.mock(), test::KafkaCluster::kTopic, 2, -1);
  EXPECT_THAT(why_unreachable(config_, seconds(5)), HasSubstr("partition 2"));
}

TEST_F(KafkaReach, SaysWhichSettingsCannotBeUsed) {
  config_.settings = {{"security.protocol", "SSL"}, {"ssl.ca.location", "/no/such/file.pem"}};
  EXPECT_THAT(why_unusable(config_), HasSubstr("ssl.ca.location"));
  config_.settings = {{"max.in.flight.requests.per.connection", "100"}};
  EXPECT_THAT(why_unusable(config_), HasSubstr("max.in.flight"));
}

}  // namespace
}  // namespace ctflow::kafka
