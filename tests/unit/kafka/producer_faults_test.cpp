// SPDX-License-Identifier: GPL-2.0-or-later
// Brokers, clients and disks that fail at random, and what a consumer finds.
#include <gtest/gtest.h>

#include <random>

#include "support/kafka_producer.hpp"

namespace ctflow::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::KafkaCluster;

/// Everything at once, by chance; with a spool in every second seed.
class KafkaFaults : public KafkaProducerTest, public testing::WithParamInterface<unsigned> {
 protected:
  void disturb_disk() {
    switch (random_() % 6) {
      case 0:
        files_.on_write = ENOSPC;
        break;
      case 1:
        files_.turn_read_only();
        break;
      case 2:
        files_.on_read = EIO;
        break;
      case 3:
        restart();
        break;
      default:
        files_.recover();
    }
  }

  void disturb() {
    switch (random_() % 8) {
      case 0:
        cluster_.go_down();
        break;
      case 1:
      case 2:
        cluster_.come_up();
        break;
      case 3:
        cluster_.answer({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT});
        break;
      case 4:
        cluster_.answer({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
        break;
      case 5:
        cluster_.answer_after(static_cast<int>(random_() % 100));
        break;
      case 6:
        rd_kafka_mock_partition_set_leader(cluster_.mock(), KafkaCluster::kTopic,
                                           static_cast<int>(random_() % KafkaCluster::kPartitions),
                                           static_cast<int>(1 + random_() % 3));
        break;
      default:
        if (Client* const client = producer_->client(); client != nullptr && random_() % 4 == 0) {
          rd_kafka_test_fatal_error(client->handle(), RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                                    "for this test");
        }
    }
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(KafkaFaults, LeaveNoLineUncountedAndNoneTwice) {
  config_.buffer = 256 << 10;
  may_repeat_ = true;
  const bool spooled = GetParam() % 2 == 1;
  if (spooled) {
    use_spool();
    config_.buffer = 16 << 10;
    config_.spool.size = std::size_t{1} << (17 + random_() % 4);
  }
  make();
  for (int i = 0; i < 120; ++i) {
    add_many(static_cast<int>(random_() % 60));
    run_for(milliseconds(random_() % 40));
    if (i % 3 == 0) disturb();
    if (spooled && i % 5 == 0) disturb_disk();
    expect_balance();
  }
  files_.recover();
  if (random_() % 2 == 0) {
    cluster_.come_up();
    run_for(seconds(2));
  }
  if (!spooled) {
    reconcile();
    return;
  }
  // The last process has what waits on disk.
  restart();
  cluster_.answer_after(0);
  cluster_.come_up();
  rd_kafka_mock_clear_request_errors(cluster_.mock(), KafkaCluster::kProduceRequest);
  EXPECT_TRUE(
      run_until([&] { return counters().waiting.flows == 0 && !producer_->busy(); }, seconds(60)));
  reconcile();
}

INSTANTIATE_TEST_SUITE_P(Seeds, KafkaFaults, testing::Range(0U, 6U));

}  // namespace
}  // namespace ctflow::kafka
