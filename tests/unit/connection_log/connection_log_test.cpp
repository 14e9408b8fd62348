// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/connection_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fakes.hpp"
#include "support/sample_flows.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

struct Delivered {
  std::vector<std::string> batches;
  std::vector<MessageContent> contents;
  int reopened = 0;
  bool stopped = false;
  LastFailure failure{};
  std::optional<Backlog> backlog{};
};

class FakeSink : public LineSink {
 public:
  FakeSink(Delivered& to, ExportLedger& ledger) : to_(to), ledger_(ledger) {}
  void deliver(std::string& lines, const MessageContent& content, const Instant&) override {
    to_.batches.push_back(lines);
    to_.contents.push_back(content);
    ledger_.sent(content, lines.size());
    lines.clear();
  }
  void reopen() override { ++to_.reopened; }
  [[nodiscard]] bool busy() const override { return false; }
  void stop() override { to_.stopped = true; }
  void describe(OutputStatus& status) const override {
    status.connected = true;
    status.last_failure = to_.failure;
    status.backlog = to_.backlog;
  }

 private:
  Delivered& to_;
  ExportLedger& ledger_;
};

class ConnectionLogTest : public testing::Test {
 protected:
  static ConnectionLogConfig config() {
    ConnectionLogConfig config;
    config.name = "local";
    return config;
  }

  void offer(const Flow& flow) {
    ASSERT_TRUE(log_.wants().has(FlowKinds::of(flow)));
    log_.offer(flow, clock_.now());
  }

  test::FakeClock clock_;
  ConnectionLogConfig config_ = config();
  Delivered delivered_;
  ConnectionLog log_{
      config_,
      [this](ExportLedger& ledger) { return std::make_unique<FakeSink>(delivered_, ledger); },
      std::make_shared<OutputContext>(), clock_.clock()};
};

TEST_F(ConnectionLogTest, WritesLinesTogetherAfterAMoment) {
  EXPECT_EQ(log_.deadline(), MonoTime::max());
  offer(test::sample::tcp());
  EXPECT_EQ(log_.deadline(), clock_.now().steady + config_.flush_after);
  clock_.advance(milliseconds(999));
  offer(test::sample::udp6());
  log_.tick();
  EXPECT_TRUE(delivered_.batches.empty());
  clock_.advance(milliseconds(1));
  log_.tick();
  ASSERT_EQ(delivered_.batches.size(), 1U);
  EXPECT_EQ(std::count(delivered_.batches[0].begin(), delivered_.batches[0].end(), '\n'), 2);
  EXPECT_EQ(log_.deadline(), MonoTime::max());
}

TEST_F(ConnectionLogTest, WritesABatchThatIsFullAtOnce) {
  while (delivered_.batches.empty()) offer(test::sample::tcp());
  EXPECT_GE(delivered_.batches[0].size(), ConnectionLog::kBatch);
  EXPECT_EQ(delivered_.batches[0].back(), '\n');
}

TEST_F(ConnectionLogTest, CountsWhatLinesCarry) {
  Flow counted = test::sample::tcp();
  counted.original_counters = {2, 200};
  counted.reply_counters = {1, 100};
  offer(counted);
  Flow uncounted = counted;
  uncounted.present.counters = false;
  offer(uncounted);
  Flow ended = counted;
  ended.event = FlowEvent::kEndedBefore;
  offer(ended);
  log_.flush();
  const OutputStatus status = log_.status(clock_.now());
  EXPECT_EQ(status.counters.offered, 3U);
  EXPECT_EQ(status.counters.flows, 3U);
  EXPECT_EQ(status.counters.records, 3U);
  EXPECT_EQ(status.counters.packets, 3U);
  EXPECT_EQ(status.counters.octets, 300U);
  EXPECT_EQ(status.counters.message_octets, delivered_.batches.at(0).size());
  EXPECT_EQ(status.counters.messages, 1U);
  EXPECT_EQ(status.kind, "connection_log");
  EXPECT_TRUE(std::holds_alternative<ConnectionLogStatus>(status.details));
}

TEST_F(ConnectionLogTest, SaysHowLongAgoTheLastFailureWasAndWhatWaitsCame) {
  const Instant now = clock_.now();
  delivered_.backlog.emplace();
  EXPECT_FALSE(log_.status(now).last_failure_age) << "there was none";
  EXPECT_FALSE(log_.status(now).oldest_waiting) << "nothing waits";
  delivered_.failure = {FailureKind::kFile, "full", now.steady - std::chrono::seconds(3)};
  delivered_.backlog->oldest = now.wall - std::chrono::seconds(5);
  EXPECT_EQ(log_.status(now).last_failure_age, std::chrono::seconds(3));
  EXPECT_EQ(log_.status(now).oldest_waiting, std::chrono::seconds(5));
  delivered_.backlog->oldest = now.wall + std::chrono::seconds(5);
  EXPECT_EQ(log_.status(now).oldest_waiting, std::chrono::seconds(0)) << "the clock was set back";
}

TEST_F(ConnectionLogTest, DoesNotWantBeginnings) {
  EXPECT_FALSE(log_.wants().has(FlowKinds::beginnings()));
}

TEST_F(ConnectionLogTest, WritesWhatItHasBeforeItsFileIsAnother) {
  offer(test::sample::tcp());
  log_.reopen();
  EXPECT_EQ(delivered_.batches.size(), 1U);
  EXPECT_EQ(delivered_.reopened, 1);
}

TEST_F(ConnectionLogTest, WritesWhatItHasAtTheEnd) {
  offer(test::sample::tcp());
  log_.stop();
  EXPECT_EQ(delivered_.batches.size(), 1U);
  EXPECT_TRUE(delivered_.stopped);
}

}  // namespace
}  // namespace ctflow
