// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/waiting_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/faulty_files.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kLine = 200;

class WaitingLinesTest : public testing::Test {
 protected:
  WaitingLinesTest() {
    config_.name = "topic";
    config_.buffer = 64 << 10;
  }

  void use_spool() { config_.spool.directory = directory_.name(); }
  WaitingLines& make() { return lines_.emplace(config_, *ledger_, &files_); }
  void restart() {
    lines_->stop();
    lines_.reset();
    ledger_.emplace();
    make();
    while (lines_->work() < std::chrono::milliseconds(100)) {
    }
  }

  static std::string line_of(int number) {
    std::string line = "{\"n\":" + std::to_string(number);
    line.resize(kLine - 1, ' ');
    return line + "}";
  }
  static int number_of(const WaitingLines::Line& line) {
    const auto* const text = reinterpret_cast<const char*>(line.message.bytes.data());
    return std::stoi(std::string(text, line.message.bytes.size()).substr(5));
  }
  void keep(int number) {
    MessageContent content;
    content.flows = content.data_records = 1;
    content.octets = static_cast<std::uint64_t>(number);
    ledger_->offer();
    lines_->keep(line_of(number), content);
  }
  void keep(int first, int last) {
    for (int number = first; number <= last; ++number) keep(number);
  }
  std::vector<WaitingLines::Line*> take(std::size_t most = 1'000'000) {
    std::vector<WaitingLines::Line*> taken;
    while (taken.size() < most) {
      WaitingLines::Line* const line = lines_->next();
      if (line == nullptr) break;
      taken.push_back(line);
    }
    return taken;
  }
  /// Sends all that waits.
  std::vector<int> send_all() {
    std::vector<int> numbers;
    while (WaitingLines::Line* const line = lines_->next()) {
      numbers.push_back(number_of(*line));
      lines_->sent(*line);
    }
    return numbers;
  }
  static std::vector<int> range(int first, int last) {
    std::vector<int> numbers;
    numbers.reserve(static_cast<std::size_t>(last - first + 1));
    for (int number = first; number <= last; ++number) numbers.push_back(number);
    return numbers;
  }
  [[nodiscard]] std::string only_file() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.name())) {
      if (entry.path().extension() == ".spool") files.push_back(entry.path());
    }
    EXPECT_EQ(files.size(), 1U);
    return files.at(0);
  }
  /// What the next process sends of a directory, and how much of it may be there twice.
  std::pair<std::vector<int>, std::uint64_t> found_in(const std::string& directory) {
    ConnectionLogConfig config = config_;
    config.spool.directory = directory;
    ExportLedger ledger;
    WaitingLines next(config, ledger, &files_);
    while (next.work() < std::chrono::milliseconds(100)) {
    }
    std::vector<int> numbers;
    while (WaitingLines::Line* const line = next.next()) {
      numbers.push_back(number_of(*line));
      next.sent(*line);
    }
    return {numbers, ledger.counters().resent.flows};
  }
  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }
  [[nodiscard]] std::uint64_t on_disk() const { return lines_->backlog().disk; }

  test::TemporaryDirectory directory_;
  test::FaultyFiles files_;
  ConnectionLogConfig config_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::optional<WaitingLines> lines_;
};

TEST_F(WaitingLinesTest, BoundsWhatWaitsWithoutASpool) {
  make();
  EXPECT_FALSE(lines_->has_spool());
  MessageContent content;
  content.flows = 1;
  const std::string line = line_of(1);
  std::vector<WaitingLines::Line*> begun;
  while (WaitingLines::Line* const one = lines_->begin(line, content, system_now())) {
    begun.push_back(one);
  }
  EXPECT_EQ(begun.size(), config_.buffer / kLine);
  EXPECT_EQ(lines_->octets(), begun.size() * kLine);
  EXPECT_EQ(lines_->backlog().memory, lines_->octets());
  EXPECT_EQ(lines_->backlog().disk_limit, 0U);
  EXPECT_NE(lines_->backlog().oldest, std::nullopt);
  lines_->sent(*begun[0]);
  lines_->lose(*begun[1], LossReason::kSendError);
  EXPECT_EQ(counters().flows, 1U);
  EXPECT_EQ(counters().message_octets, kLine);
  EXPECT_EQ(counters().lost_send_error, 1U);
  EXPECT_EQ(counters().waiting.flows, begun.size() - 2);
  lines_->lose_all_of(nullptr);
  EXPECT_EQ(counters().lost_uncertain.flows, begun.size() - 2);
  EXPECT_TRUE(lines_->all_empty());
  EXPECT_EQ(lines_->backlog().oldest, std::nullopt);
}

TEST_F(WaitingLinesTest, WritesNothingToDiskWhileLinesLeave) {
  use_spool();
  make();
  lines_->set_connected(true);
  for (int number = 1; number <= 1000; ++number) {
    keep(number);
    ASSERT_EQ(send_all(), std::vector<int>{number});
  }
  EXPECT_EQ(on_disk(), 0U);
  EXPECT_EQ(counters().flows, 1000U);
  EXPECT_EQ(counters().message_octets, 1000 * kLine);
}

TEST_F(WaitingLinesTest, HasLittleOnItsWayWhileNoBrokerAnswers) {
  use_spool();
  config_.buffer = std::size_t{1} << 20;
  make();
  keep(1, 4000);
  EXPECT_EQ(take().size(), (64U << 10) / kLine + 1);
  lines_->set_connected(true);
  take();
  EXPECT_GE(lines_->octets(), config_.buffer / 2);
  EXPECT_LT(lines_->octets(), config_.buffer / 2 + kLine) << "half, or a line more";
}

TEST_F(WaitingLinesTest, HasOnDiskTheOrderInWhichLinesCame) {
  use_spool();
  make();
  lines_->set_connected(true);
  keep(1, 40);
  auto taken = take();  // on their way, in memory only
  ASSERT_EQ(taken.size(), 40U);
  EXPECT_EQ(on_disk(), 0U);
  keep(41, 60);  // wait in memory
  lines_->set_connected(false);
  keep(61, 80);
  // None was sent, which is reported by partitions.
  std::shuffle(taken.begin(), taken.end(), std::mt19937(1));
  for (WaitingLines::Line* const line : taken) lines_->not_sent(*line);
  restart();
  EXPECT_EQ(counters().recovered.flows, 80U);
  EXPECT_EQ(counters().resent.flows, 0U);
  EXPECT_EQ(send_all(), range(1, 80));
  EXPECT_TRUE(lines_->all_empty());
  EXPECT_THAT(directory_.files(".spool"), IsEmpty());
}

TEST_F(WaitingLinesTest, PutsOnDiskWhatIsOnItsWayBeforeALineThatFindsNoRoom) {
  use_spool();
  make();
  lines_->set_connected(true);
  std::vector<WaitingLines::Line*> taken;
  int last = 0;
  while (on_disk() == 0 && last < 1000) {
    keep(++last);
    const auto more = take();
    taken.insert(taken.end(), more.begin(), more.end());
  }
  ASSERT_LT(last, 1000);
  EXPECT_GT(taken.size(), 100U);
  keep(last + 1, last + 20);
  lines_->set_connected(false);
  for (WaitingLines::Line* const line : taken) lines_->not_sent(*line);
  restart();
  EXPECT_EQ(send_all(), range(1, last + 20));
}

TEST_F(WaitingLinesTest, GivesBackInOrderWhatIsInMemory) {
  use_spool();
  make();
  lines_->set_connected(true);
  keep(1, 40);
  auto taken = take();
  keep(41, 50);
  std::shuffle(taken.begin(), taken.end(), std::mt19937(2));
  for (WaitingLines::Line* const line : taken) lines_->not_sent(*line);
  lines_->give_back();
  EXPECT_TRUE(lines_->empty());
  EXPECT_FALSE(lines_->all_empty());
  EXPECT_EQ(send_all(), range(1, 50));
}

TEST_F(WaitingLinesTest, LeavesToTheNextProcessOnlyThoseWithoutAnOutcome) {
  use_spool();
  make();  // not connected: all goes to disk
  keep(1, 9);
  const auto taken = take();
  ASSERT_EQ(taken.size(), 9U);
  // In no order, as partitions answer.
  lines_->sent(*taken[7]);
  lines_->not_sent(*taken[3]);
  lines_->lose(*taken[4], LossReason::kSendError);
  lines_->sent(*taken[0]);
  lines_->lose(*taken[8], LossReason::kUncertain);
  lines_->not_sent(*taken[1]);
  lines_->lose_all_of(nullptr);  // 3, 6 and 7, of which nothing was heard
  EXPECT_EQ(counters().lost_uncertain.flows, 4U);
  restart();
  EXPECT_EQ(counters().recovered.flows, 2U);
  EXPECT_EQ(send_all(), (std::vector<int>{2, 4}));
}

TEST_F(WaitingLinesTest, SaysWhichLinesAKilledProcessHadOnTheirWay) {
  use_spool();
  make();
  keep(1, 9);
  const auto taken = take(4);
  lines_->sent(*taken[2]);
  const test::TemporaryDirectory left;  // what the kernel has of it now
  std::filesystem::copy(directory_.name(), left.name());
  ExportLedger ledger;
  config_.spool.directory = left.name();
  WaitingLines next(config_, ledger, &files_);
  while (next.work() < std::chrono::milliseconds(100)) {
  }
  EXPECT_EQ(ledger.counters().recovered.flows, 8U);
  EXPECT_EQ(ledger.counters().resent.flows, 3U);
  std::vector<int> numbers;
  while (WaitingLines::Line* const line = next.next()) {
    numbers.push_back(number_of(*line));
    next.sent(*line);
  }
  EXPECT_THAT(numbers, ElementsAre(1, 2, 4, 5, 6, 7, 8, 9));
}

/// The disk has any beginning of the file, or zeros where it has not got what it has room for.
TEST_F(WaitingLinesTest, HasWholeLinesOnlyAndInOrderAfterAPowerCut) {
  use_spool();
  make();
  keep(1, 3);
  const std::string file = only_file();
  const std::string name = std::filesystem::path(file).filename();
  const std::uintmax_t whole = std::filesystem::file_size(file);
  std::size_t before = 0;
  for (std::uintmax_t size = 0; size <= whole; ++size) {
    for (const bool zeros : {false, true}) {
      const test::TemporaryDirectory left;
      std::filesystem::copy(file, left.path(name));
      std::filesystem::resize_file(left.path(name), size);
      if (zeros) std::filesystem::resize_file(left.path(name), whole);
      const std::vector<int> found = found_in(left.name()).first;
      ASSERT_EQ(found, range(1, static_cast<int>(found.size()))) << size << " of " << whole;
      ASSERT_GE(found.size(), before);
      before = found.size();
    }
  }
  EXPECT_EQ(before, 3U);
}

TEST_F(WaitingLinesTest, SendsAgainUncountedWhatAPowerCutTookTheStateOf) {
  use_spool();
  make();
  keep(1, 9);
  const test::TemporaryDirectory written;  // before they were sent
  std::filesystem::copy(directory_.name(), written.name());
  EXPECT_EQ(send_all(), range(1, 9));
  const auto [found, resent] = found_in(written.name());
  EXPECT_EQ(found, range(1, 9));
  EXPECT_EQ(resent, 0U);
}

TEST_F(WaitingLinesTest, WritesToDiskWhatIsOnItsWayForASecond) {
  use_spool();
  make();
  lines_->set_connected(true);
  keep(1, 5);
  take();
  lines_->secure_overdue();
  EXPECT_EQ(on_disk(), 0U);
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  keep(6);
  take();
  lines_->secure_overdue();
  const std::uint64_t five = on_disk();
  EXPECT_GT(five, 5 * kLine);
  EXPECT_LT(five, 6 * kLine + 6 * 50);
  lines_->secure_at_stop();
  EXPECT_GT(on_disk(), five + kLine);
  lines_->lose_all_of(nullptr);
  EXPECT_EQ(on_disk(), 0U);
}

TEST_F(WaitingLinesTest, FindsNoFaultWithADiskThatFailsForAWhile) {
  use_spool();
  make();
  keep(1, 20);
  auto taken = take(5);
  files_.turn_read_only();
  keep(21, 30);  // in memory
  EXPECT_FALSE(lines_->backlog().trouble.empty());
  lines_->sent(*taken[0]);  // cannot be noted
  EXPECT_EQ(counters().unrecorded.flows, 1U);
  lines_->not_sent(*taken[1]);
  lines_->give_back();
  lines_->lose_all_of(nullptr);
  files_.recover();
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  restart();
  EXPECT_EQ(counters().recovered.flows, 26U) << "all but the one that was sent, and 3 to 5";
}

TEST_F(WaitingLinesTest, DropsTheOldestWhereNeitherDiskNorMemoryHasRoom) {
  use_spool();
  make();
  files_.on_open = EACCES;
  keep(1, 1000);
  EXPECT_GT(counters().lost_spool_full.flows, 500U);
  EXPECT_LE(lines_->backlog().memory, config_.buffer);
  EXPECT_EQ(counters().lost_spool_full.flows + counters().waiting.flows, 1000U);
  const std::vector<int> numbers = send_all();
  EXPECT_EQ(numbers.back(), 1000);
}

}  // namespace
}  // namespace ctflow::kafka
