// SPDX-License-Identifier: GPL-2.0-or-later
// Lines that wait on disk: the producer, its lines and the spool together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "support/kafka_producer.hpp"

namespace ctflow::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::TopicMessage;

constexpr std::size_t kLittle = std::size_t{64} << 10;

class KafkaSpoolTest : public KafkaProducerTest {
 protected:
  KafkaSpoolTest() {
    config_.buffer = kLittle;
    pad_ = std::string(400, 'x');
    use_spool();
    one_request_at_a_time();
  }

  /// All brokers are away, and that is known.
  void lose_brokers() {
    add();
    ASSERT_TRUE(run_until_none_waits());
    cluster_.go_down();
    ASSERT_TRUE(run_until([&] { return !producer_->connected(); }));
  }

  /// Those of a connection came in their order, although some waited on disk.
  static void expect_order(const std::vector<TopicMessage>& all) {
    std::map<std::string, std::uint64_t> last;
    for (const TopicMessage& one : all) {
      const auto number = nlohmann::json::parse(one.value).at("n").get<std::uint64_t>();
      EXPECT_LT(last[one.key], number) << one.key;
      last[one.key] = number;
    }
  }

  [[nodiscard]] std::vector<std::string> kept() const { return directory_.files(".spool"); }
};

TEST_F(KafkaSpoolTest, LeavesNothingOnDiskWhileBrokersTakeLines) {
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  add_many(20);
  EXPECT_EQ(producer_->backlog().disk, 0U);
  EXPECT_GT(producer_->backlog().memory, 0U);
  EXPECT_EQ(producer_->backlog().memory_limit, kLittle);
  EXPECT_EQ(producer_->backlog().disk_limit, config_.spool.size);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(producer_->backlog().memory, 0U);
  EXPECT_EQ(reconcile().size(), 21U);
  EXPECT_THAT(kept(), testing::IsEmpty());
}

TEST_F(KafkaSpoolTest, KeepsOnDiskWhatFindsNoRoomInMemoryAndDeliversItOnceAndInOrder) {
  make();
  lose_brokers();
  add_many(2000);
  EXPECT_EQ(counters().waiting.flows, 2000U);
  EXPECT_EQ(counters().lost(), 0U);
  EXPECT_LE(producer_->octets(), kLittle);
  EXPECT_GT(producer_->backlog().disk, 2000U * 400);
  ASSERT_TRUE(producer_->backlog().oldest);
  expect_balance();
  cluster_.come_up();
  for (int i = 0; i < 20; ++i) {  // new ones come behind
    add_many(10);
    run_for(milliseconds(10));
  }
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  EXPECT_EQ(counters().resent.flows, 0U);
  const auto all = reconcile();
  EXPECT_EQ(all.size(), 2201U);
  expect_order(all);
  EXPECT_THAT(kept(), testing::IsEmpty());
}

TEST_F(KafkaSpoolTest, WritesToDiskWhatBrokersDoNotAnswerForASecond) {
  config_.buffer = std::size_t{4} << 20;
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  cluster_.answer_after(4000);
  add_many(50);
  run_for(milliseconds(500));
  EXPECT_EQ(producer_->backlog().disk, 0U);
  ASSERT_TRUE(run_until([&] { return producer_->backlog().disk > 50 * pad_.size(); }, seconds(3)));
  EXPECT_EQ(counters().flows, 1U);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(producer_->backlog().disk, 0U);
  EXPECT_EQ(reconcile().size(), 51U);
}

TEST_F(KafkaSpoolTest, ContinuesAfterARestartDuringAnOutage) {
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  cluster_.go_down();
  add_many(1000);  // partly with librdkafka before it knows that brokers are away
  ASSERT_TRUE(run_until([&] { return !producer_->connected(); }));
  add_many(500);
  restart();
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == 1500; }));
  EXPECT_EQ(lost_, 0U) << "none was sent when the process before ended";
  EXPECT_EQ(counters().resent.flows, 0U);
  add_many(300);
  ASSERT_TRUE(run_until([&] { return producer_->last_failure().kind != FailureKind::kNone; }));
  restart();
  cluster_.come_up();
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == 1800; }));
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  const auto all = reconcile();
  EXPECT_EQ(all.size(), 1801U);
  expect_order(all);
  EXPECT_THAT(kept(), testing::IsEmpty());
}

TEST_F(KafkaSpoolTest, SaysWhatMayComeTwiceAfterItWasKilled) {
  make();
  lose_brokers();
  add_many(1000);
  run_for(milliseconds(300));
  // What the kernel has of a process that is killed now.
  const test::TemporaryDirectory left;
  std::filesystem::copy(directory_.name(), left.name(), std::filesystem::copy_options::recursive);
  config_.spool.directory = left.name();
  boost::asio::io_context io;
  ExportLedger ledger;
  Producer next(
      io, config_, key_of, ledger, [] {}, &files_);
  const auto until = [&](const auto& condition) {
    const auto latest = std::chrono::steady_clock::now() + seconds(30);
    while (!condition() && std::chrono::steady_clock::now() < latest) {
      io.run_one_for(milliseconds(20));
    }
    return condition();
  };
  ASSERT_TRUE(until([&] { return ledger.counters().recovered.flows == 1000; }));
  EXPECT_GT(ledger.counters().resent.flows, 0U) << "some were with librdkafka";
  EXPECT_LT(ledger.counters().resent.flows, 200U) << "little is while no broker answers";
  next.stop();
  EXPECT_EQ(ledger.counters().waiting.flows, 1000U);
  EXPECT_EQ(ledger.counters().lost(), 0U);
}

TEST_F(KafkaSpoolTest, NeverSendsAgainWhatBrokersMayHaveWhenItStopped) {
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  cluster_.answer_after(10'000);
  add_many(60);
  run_for(milliseconds(1500));  // they are on disk by now
  EXPECT_GT(producer_->backlog().disk, 0U);
  restart();
  EXPECT_GT(uncertain_, 0U) << "a request of which the cluster has taken the lines";
  cluster_.answer_after(0);
  add();
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows + uncertain_ == 60; }));
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(counters().resent.flows, 0U);
  EXPECT_EQ(reconcile().size(), 62U);
}

TEST_F(KafkaSpoolTest, LosesForGoodWhatABrokerRefused) {
  make();
  lose_brokers();
  add_many(10);
  run_for(milliseconds(100));
  cluster_.answer({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_GT(counters().lost_send_error, 0U);
  restart();
  run_for(milliseconds(200));
  EXPECT_EQ(counters().recovered.flows, 0U);
  reconcile();
}

TEST_F(KafkaSpoolTest, GivesToTheNextClientWhatWasNotSentInItsOrder) {
  make();
  run_for(seconds(5));
  lose_brokers();
  add_many(800);
  rd_kafka_test_fatal_error(producer_->client()->handle(), RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                            "for this test");
  run_for(milliseconds(300));
  EXPECT_EQ(counters().transport_sessions, 2U);
  add_many(100);
  EXPECT_EQ(counters().waiting.flows, 900U);
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  EXPECT_EQ(counters().lost(), 0U);
  const auto all = reconcile();
  EXPECT_EQ(all.size(), 901U);
  expect_order(all);
}

TEST_F(KafkaSpoolTest, KeepsWhatComesBetweenTwoClients) {
  make();
  add();
  ASSERT_TRUE(run_until_none_waits());
  rd_kafka_test_fatal_error(producer_->client()->handle(), RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                            "for this test");
  ASSERT_TRUE(run_until([&] { return producer_->client() == nullptr; }));
  add_many(500);
  EXPECT_EQ(counters().waiting.flows, 500U);
  ASSERT_TRUE(run_until_none_waits(seconds(20)));
  EXPECT_EQ(counters().lost(), 0U);
  EXPECT_EQ(counters().transport_sessions, 2U);
  EXPECT_EQ(reconcile().size(), 501U);
}

TEST_F(KafkaSpoolTest, DropsTheOldestWhereTheSpoolIsFull) {
  config_.spool.size = std::size_t{256} << 10;
  make();
  lose_brokers();
  add_many(2000);
  EXPECT_GT(counters().lost_spool_full.flows, 1000U);
  EXPECT_LE(producer_->backlog().disk, config_.spool.size + kLittle);
  expect_balance();
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  std::set<std::uint64_t> numbers;
  for (const TopicMessage& one : reconcile()) {
    numbers.insert(nlohmann::json::parse(one.value).at("n").get<std::uint64_t>());
  }
  EXPECT_EQ(*numbers.rbegin(), 2001U) << "the newest are kept";
}

TEST_F(KafkaSpoolTest, WaitsInMemoryWhereTheDirectoryCannotBeUsed) {
  config_.spool.directory = directory_.path("missing");
  make();
  lose_brokers();
  add_many(500);
  EXPECT_THAT(producer_->backlog().trouble, testing::HasSubstr("No such file"));
  EXPECT_GT(counters().spool_errors, 0U);
  EXPECT_GT(counters().lost_spool_full.flows, 300U) << "counted, as memory holds less";
  EXPECT_GT(counters().waiting.flows, 50U);
  EXPECT_LE(producer_->backlog().memory, kLittle);
  expect_balance();
  std::filesystem::create_directory(config_.spool.directory);  // as its administrator does
  run_for(milliseconds(2500));
  const std::uint64_t lost = counters().lost();
  add_many(500);
  EXPECT_EQ(counters().lost(), lost);
  EXPECT_GT(producer_->backlog().disk, 500 * pad_.size());
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  reconcile();
}

TEST_F(KafkaSpoolTest, CountsWhatAFullDiskDoesNotTakeAndGoesOnWhenItDoes) {
  make();
  lose_brokers();
  add_many(200);
  files_.on_write = ENOSPC;
  add_many(300);
  EXPECT_THAT(producer_->backlog().trouble, testing::HasSubstr("No space"));
  EXPECT_GT(counters().lost_spool_full.flows, 100U);
  expect_balance();
  files_.on_write = 0;
  run_for(milliseconds(1500));
  const std::uint64_t lost = counters().lost();
  add_many(300);
  EXPECT_EQ(counters().lost(), lost);
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits(seconds(40)));
  EXPECT_EQ(counters().lost(), lost);
  reconcile();
}

TEST_F(KafkaSpoolTest, CountsAsLostAtTheEndWhatTheDiskDoesNotTake) {
  make();
  lose_brokers();
  files_.turn_read_only();
  add_many(40);
  restart();
  EXPECT_EQ(lost_, 40U);
  files_.recover();
  cluster_.come_up();
  add_many(10);
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 11U);
}

TEST_F(KafkaSpoolTest, CountsWhatIsDamagedAndSendsTheRest) {
  make();
  lose_brokers();
  add_many(400);
  end();
  producer_.reset();
  ASSERT_EQ(kept().size(), 1U);
  const std::string path = directory_.path(kept().front());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(20'000);
  file.put('#');
  file.close();
  ledger_.emplace();
  make();
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == 399; }));
  EXPECT_EQ(counters().lost_spool_damaged.messages, 1U);
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(cluster_.read().size(), 400U);
  EXPECT_EQ(counters().flows, 399U);
}

TEST_F(KafkaSpoolTest, LeavesToAnotherProcessWhatIsIts) {
  make();
  lose_brokers();
  add_many(300);
  boost::asio::io_context io;
  ExportLedger ledger;
  Producer other(io, config_, key_of, ledger, [] {});
  MessageContent content;
  content.flows = content.data_records = 1;
  for (int i = 0; i < 20; ++i) other.add("{\"key\":\"other\"}", content, system_now());
  EXPECT_EQ(ledger.counters().recovered.flows, 0U);
  EXPECT_EQ(ledger.counters().waiting.flows, 20U) << "in memory";
  other.stop();
  EXPECT_EQ(ledger.counters().lost_stopped.flows, 20U);
  EXPECT_EQ(ledger.counters().waiting.flows, 0U);
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 301U);
}

TEST_F(KafkaSpoolTest, GoesOnWhereTheOneBeforeAReloadStops) {
  make();
  lose_brokers();
  add_many(300);
  run_for(milliseconds(100));
  boost::asio::io_context io;
  ExportLedger ledger;
  Producer next(io, config_, key_of, ledger, [] {});  // made before the other one stops
  end();
  EXPECT_EQ(counters().lost(), 0U);
  cluster_.come_up();
  const auto latest = std::chrono::steady_clock::now() + seconds(20);
  while (ledger.counters().flows < 300 && std::chrono::steady_clock::now() < latest) {
    io.run_one_for(milliseconds(20));
  }
  EXPECT_EQ(ledger.counters().recovered.flows, 300U);
  EXPECT_EQ(ledger.counters().flows, 300U);
  next.stop();
  EXPECT_EQ(cluster_.read().size(), 301U);
}

TEST_F(KafkaSpoolTest, PutsBackWhatItTookWhereAReloadComesToNothing) {
  make();
  lose_brokers();
  add_many(100);
  restart();
  ASSERT_TRUE(run_until([&] { return producer_->octets() > 0; }));
  producer_.reset();  // without stop()
  ledger_.emplace();
  make();
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == 100; }));
  EXPECT_EQ(counters().resent.flows, 0U);
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  EXPECT_EQ(reconcile().size(), 101U);
}

TEST_F(KafkaSpoolTest, LosesWhatWaitedTooLong) {
  config_.spool.max_age = milliseconds(1000);
  make();
  lose_brokers();
  add_many(1000);
  run_for(milliseconds(1500));
  add_many(100);
  EXPECT_GT(counters().lost_spool_age.flows, 500U);
  expect_balance();
  cluster_.come_up();
  ASSERT_TRUE(run_until_none_waits());
  reconcile();
}

}  // namespace
}  // namespace ctflow::kafka
