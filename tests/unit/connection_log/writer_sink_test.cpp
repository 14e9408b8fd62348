// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/writer_sink.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "connection_log/log_file.hpp"
#include "support/logged_lines.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

/// Fails with what errno would be.
class FailingTarget : public LineTarget {
 public:
  explicit FailingTarget(int error) : error_(error, std::generic_category()) {}

  std::error_code append(std::string_view /*lines*/, TimePoint /*now*/) override { return error_; }
  [[nodiscard]] const char* doing() const override { return "write"; }
  TargetNews take_news() override { return {}; }

 private:
  std::error_code error_;
};

class WriterSinkTest : public testing::Test {
 protected:
  WriterSinkTest() {
    config_.name = "local";
    config_.path = directory_.path("log.json");
    config_.buffer = 10;
  }
  WriterSink& make() {
    sink_.emplace(config_, std::make_unique<LogFile>(config_.path, RotationConfig{}), ledger_);
    return *sink_;
  }
  void deliver(const std::string& text) {
    std::string lines = text;
    MessageContent content;
    content.flows = content.data_records = 1;
    content.packets = 2;
    content.octets = 3;
    ledger_.offer();
    sink_->deliver(lines, content, system_now());
    EXPECT_TRUE(lines.empty());
  }
  /// Looks as the event loop does.
  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition) {
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < latest) {
      std::this_thread::sleep_for(milliseconds(5));
      sink_->tick(system_now());
    }
    return condition();
  }
  /// offered = sent + waiting + lost
  void expect_balance() const {
    const ExporterCounters& all = ledger_.counters();
    EXPECT_EQ(all.offered, all.flows + all.waiting.flows + all.lost());
    EXPECT_EQ(2 * all.offered, all.packets + all.waiting.packets + all.lost_packets);
    EXPECT_EQ(3 * all.offered, all.octets + all.waiting.octets + all.lost_octets);
  }

  test::TemporaryDirectory directory_;
  ConnectionLogConfig config_;
  ExportLedger ledger_;
  std::optional<WriterSink> sink_;
};

TEST_F(WriterSinkTest, CountsLinesAsSentOnceTheyAreWritten) {
  make();
  deliver("{1}\n");
  EXPECT_EQ(ledger_.counters().waiting.flows, 1U);
  expect_balance();
  EXPECT_TRUE(wait([&] { return ledger_.counters().flows == 1; }));
  EXPECT_EQ(ledger_.counters().message_octets, 4U);
  EXPECT_EQ(ledger_.counters().transport_sessions, 1U);
  EXPECT_EQ(sink_->deadline(), MonoTime::max());
  EXPECT_EQ(directory_.content("log.json"), "{1}\n");
  expect_balance();
}

TEST_F(WriterSinkTest, CountsAsWriteErrorsWhatFindsNoRoomWhileNothingCanBeWritten) {
  config_.path = directory_.path("no/log.json");
  make();
  deliver("{1}\n");
  ASSERT_TRUE(wait([&] {
    OutputStatus status;
    sink_->describe(status);
    return !status.connected;
  }));
  deliver("{2}\n");
  deliver("{3}\n");  // beyond the buffer
  EXPECT_EQ(ledger_.counters().lost_write_error.flows, 1U);
  OutputStatus status;
  sink_->describe(status);
  EXPECT_EQ(status.last_failure.reason, "open: No such file or directory");
  EXPECT_EQ(status.backlog.value().memory, 8U);
  EXPECT_EQ(status.backlog.value().memory_limit, 10U);
  expect_balance();
  std::filesystem::create_directory(directory_.path("no"));
  EXPECT_TRUE(wait([&] { return ledger_.counters().flows == 2; }));
  EXPECT_EQ(directory_.content("no/log.json"), "{1}\n{2}\n");
  expect_balance();
}

TEST_F(WriterSinkTest, SaysWhatToDoWhereThereIsNoRoom) {
  for (const int error : {ENOSPC, EDQUOT}) {
    SCOPED_TRACE(error);
    const test::LoggedLines lines;
    sink_.emplace(config_, std::make_unique<FailingTarget>(error), ledger_);
    deliver("{1}\n");
    EXPECT_TRUE(wait([&] { return lines.count("connection_log_failed") == 1; }));
    EXPECT_EQ(lines.count("fix=\"make room on the file system, or raise the quota\""), 1U);
    sink_.reset();
  }
}

TEST_F(WriterSinkTest, CountsWhatIsLeftAtTheEnd) {
  config_.path = directory_.path("no/log.json");
  make();
  deliver("{1}\n");
  deliver("{2}\n");
  sink_->stop();
  EXPECT_EQ(ledger_.counters().waiting.flows, 0U);
  EXPECT_EQ(ledger_.counters().lost(), 2U);
  EXPECT_FALSE(sink_->busy());
  expect_balance();
}

TEST_F(WriterSinkTest, WritesEverythingAtTheEnd) {
  make();
  deliver("{1}\n");
  deliver("{2}\n");
  sink_->stop();
  EXPECT_EQ(directory_.content("log.json"), "{1}\n{2}\n");
  EXPECT_EQ(ledger_.counters().flows, 2U);
  expect_balance();
}

TEST_F(WriterSinkTest, KnowsBeforeTheFirstLineThatItCannotBeWritten) {
  config_.path = directory_.path("no/log.json");
  make();
  EXPECT_LE(sink_->deadline(), system_now().steady) << "somebody has to look";
  const auto connected = [&] {
    OutputStatus status;
    sink_->describe(status);
    return status.connected;
  };
  ASSERT_TRUE(wait([&] { return !connected(); }));
  OutputStatus status;
  sink_->describe(status);
  EXPECT_EQ(status.last_failure.reason, "open: No such file or directory");
  EXPECT_LT(sink_->deadline(), MonoTime::max());
  std::filesystem::create_directory(directory_.path("no"));
  EXPECT_TRUE(wait(connected));
  EXPECT_EQ(directory_.content("no/log.json"), "");
  EXPECT_TRUE(wait([&] { return sink_->deadline() == MonoTime::max(); }));
}

}  // namespace
}  // namespace ctflow
