// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What the thread does, seen and steered by the test.
struct Disk {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> written;
  std::error_code error;
  int attempts = 0;
  int reopened = 0;
  bool blocked = false;

  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, seconds(10), condition);
  }
  template <typename Change>
  void set(Change change) {
    const std::scoped_lock lock(mutex);
    change();
    changed.notify_all();
  }
};

class FakeTarget : public LineTarget {
 public:
  explicit FakeTarget(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

  std::error_code append(std::string_view lines, TimePoint /*now*/) override {
    std::unique_lock lock(disk_->mutex);
    ++disk_->attempts;
    disk_->changed.notify_all();
    disk_->changed.wait(lock, [&] { return !disk_->blocked; });
    if (!disk_->error) disk_->written.emplace_back(lines);
    disk_->changed.notify_all();
    return disk_->error;
  }
  void reopen() override {
    disk_->set([&] { ++disk_->reopened; });
  }
  [[nodiscard]] const char* doing() const override { return "write"; }
  TargetNews take_news() override { return {}; }

 private:
  std::shared_ptr<Disk> disk_;
};

class LogWriterTest : public testing::Test {
 protected:
  ~LogWriterTest() override {
    disk_->set([&] { disk_->blocked = false; });
  }

  bool add(const std::string& text, std::uint32_t flows = 1) {
    std::string lines = text;
    MessageContent content;
    content.flows = flows;
    return writer_.add(lines, content, TimePoint(seconds(1)));
  }
  /// Until everything is written.
  std::vector<WrittenLines> written() {
    std::vector<WrittenLines> all;
    const auto latest = std::chrono::steady_clock::now() + seconds(10);
    while (std::chrono::steady_clock::now() < latest) {
      const bool empty = writer_.empty();
      for (const WrittenLines& one : writer_.take_report().written) all.push_back(one);
      if (empty) break;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return all;
  }

  std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
  LogWriter writer_{std::make_unique<FakeTarget>(disk_), 20};
};

TEST_F(LogWriterTest, WritesInOrderAndSaysWhatItWrote) {
  EXPECT_TRUE(add("{1}\n", 3));
  EXPECT_TRUE(add("{22}\n", 4));
  const std::vector<WrittenLines> all = written();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].content.flows, 3U);
  EXPECT_EQ(all[0].octets, 4U);
  EXPECT_EQ(all[1].content.flows, 4U);
  EXPECT_THAT(disk_->written, testing::ElementsAre("{1}\n", "{22}\n"));
  EXPECT_EQ(writer_.octets(), 0U);
  EXPECT_FALSE(writer_.oldest());
}

TEST_F(LogWriterTest, LeavesAnEmptyBufferInPlaceOfTheLines) {
  std::string lines = "{1}\n";
  EXPECT_TRUE(writer_.add(lines, {}, {}));
  EXPECT_TRUE(lines.empty());
}

TEST_F(LogWriterTest, TakesNoMoreThanItsLimitWhileTheDiskIsBusy) {
  disk_->blocked = true;
  EXPECT_TRUE(add("0123456789"));
  EXPECT_TRUE(add("012345678\n"));
  std::string lines = "{1}\n";
  EXPECT_FALSE(writer_.add(lines, {}, {}));
  EXPECT_EQ(lines, "{1}\n") << "they stay the caller's";
  EXPECT_EQ(writer_.octets(), 20U);
  EXPECT_EQ(writer_.oldest(), TimePoint(seconds(1)));
  disk_->set([&] { disk_->blocked = false; });
  EXPECT_EQ(written().size(), 2U);
  EXPECT_TRUE(add("{1}\n"));
}

TEST_F(LogWriterTest, TriesAgainWhatCouldNotBeWritten) {
  disk_->set([&] { disk_->error = std::make_error_code(std::errc::no_space_on_device); });
  EXPECT_TRUE(add("{1}\n"));
  ASSERT_TRUE(disk_->wait([&] { return disk_->attempts >= 1; }));
  LogWriter::Report report;
  while (!report.failed) report = writer_.take_report();
  EXPECT_TRUE(report.failing);
  EXPECT_EQ(report.error, std::errc::no_space_on_device);
  EXPECT_EQ(report.doing, "write");
  disk_->set([&] { disk_->error = {}; });
  EXPECT_EQ(written().size(), 1U);
  EXPECT_FALSE(writer_.take_report().failing);
  EXPECT_THAT(disk_->written, testing::ElementsAre("{1}\n"));
}

TEST_F(LogWriterTest, DoesNotTryAgainForEachBatchThatIsAdded) {
  const auto began = std::chrono::steady_clock::now();
  disk_->set([&] { disk_->error = std::make_error_code(std::errc::no_space_on_device); });
  EXPECT_TRUE(add("{1}\n"));
  LogWriter::Report report;
  while (!report.failed) report = writer_.take_report();
  for (const char* const lines : {"{2}\n", "{3}\n", "{4}\n"}) {
    EXPECT_TRUE(add(lines));
    for (int i = 0; i < 200; ++i) std::this_thread::yield();  // so that the thread could try
  }
  const std::scoped_lock lock(disk_->mutex);
  const auto passed =
      std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  EXPECT_LE(disk_->attempts, 2 + passed.count()) << "another one only when a second has passed";
}

TEST_F(LogWriterTest, ReopensWithoutLines) {
  writer_.reopen();
  EXPECT_TRUE(disk_->wait([&] { return disk_->reopened == 1; }));
  EXPECT_EQ(disk_->attempts, 0);
}

TEST_F(LogWriterTest, WritesWhatWaitsBeforeItStops) {
  EXPECT_TRUE(add("{1}\n"));
  EXPECT_TRUE(add("{2}\n"));
  EXPECT_TRUE(writer_.stop(seconds(10)).empty());
  EXPECT_EQ(writer_.take_report().written.size(), 2U);
  EXPECT_FALSE(add("{3}\n"));
}

TEST_F(LogWriterTest, GivesBackWhatADiskThatDoesNotAnswerHasNotTaken) {
  disk_->blocked = true;
  EXPECT_TRUE(add("{1}\n", 3));
  EXPECT_TRUE(add("{2}\n", 4));
  ASSERT_TRUE(disk_->wait([&] { return disk_->attempts == 1; }));
  const std::vector<WrittenLines> left = writer_.stop(milliseconds(1));
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].content.flows, 3U);
  EXPECT_EQ(left[1].content.flows, 4U);
}

TEST_F(LogWriterTest, TriesOnceMoreWhenItStopsAndGivesBackTheRest) {
  disk_->set([&] { disk_->error = std::make_error_code(std::errc::no_space_on_device); });
  EXPECT_TRUE(add("{1}\n"));
  EXPECT_TRUE(add("{2}\n"));
  EXPECT_EQ(writer_.stop(seconds(10)).size(), 2U);
}

}  // namespace
}  // namespace ctflow
