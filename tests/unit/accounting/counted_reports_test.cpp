// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/counted_reports.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "conntrack/flow/tuple_hash.hpp"
#include "support/accounting_flows.hpp"
#include "support/logged_lines.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

const TimePoint kBegan = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + 20h;

/// Lets this process open no more files.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;
  NoMoreFiles(NoMoreFiles&&) = delete;
  NoMoreFiles& operator=(NoMoreFiles&&) = delete;

 private:
  rlimit before_{};
};

class CountedReportsTest : public testing::Test {
 protected:
  [[nodiscard]] CountedReports open() const { return CountedReports(prefix_); }
  static void note(CountedReports& counted, const Flow& flow) {
    counted.note(CountedReports::record_of(flow));
  }
  /// By a process that is killed then.
  void note(const Flow& flow) const {
    CountedReports counted = open();
    note(counted, flow);
  }
  [[nodiscard]] std::string file(int generation = 0) const {
    return prefix_ + "-counted-" + std::to_string(generation);
  }
  /// Whether an earlier process counted up to `octets` of a connection, and no more.
  [[nodiscard]] bool knows(std::uint64_t octets, std::uint16_t port = 443) const {
    const auto rest = open().without_counted(report(0, octets + 100, port));
    return rest && rest->original_counters.octets == 100;
  }

  /// Of a connection that began at kBegan: what came between `from` and `to` octets.
  static Flow report(std::uint64_t from, std::uint64_t to, std::uint16_t port = 443) {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1", port);
    flow.event = FlowEvent::kReported;
    flow.earlier = {{from / 100, from}, {}, kBegan};
    flow.original_counters = {(to - from) / 100, to - from};
    flow.start = kBegan + std::chrono::seconds(from);
    flow.end = kBegan + std::chrono::seconds(to);
    return flow;
  }

  test::TemporaryDirectory directory_;
  std::string prefix_ = directory_.path("accounting.sqlite");
};

/// Another program has set the kernel's counters to zero, after the report that was noted: before a
/// reload, say, or of a state file that is as new.
TEST_F(CountedReportsTest, TakesNothingOffCountersThatBeganAgain) {
  note(report(0, 1000));
  Flow began_again = report(0, 1500);
  began_again.start = kBegan + 1000s;  // until then it was reported
  EXPECT_FALSE(open().without_counted(began_again));
  began_again.start = kBegan + 900s;  // when they fell is not known
  EXPECT_TRUE(open().without_counted(began_again));
}

TEST_F(CountedReportsTest, TakesOffWhatAnEarlierProcessCounted) {
  note(report(0, 1000));
  CountedReports counted = open();
  const auto rest = counted.without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters, (Counters{5, 500}));
  EXPECT_EQ(rest->earlier.original_counters, (Counters{10, 1000}));
  EXPECT_EQ(rest->start, kBegan + 1000s);
  EXPECT_EQ(rest->end, kBegan + 1500s);
  EXPECT_FALSE(counted.without_counted(report(1500, 1800))) << "what comes then is new";
}

TEST_F(CountedReportsTest, TakesOffOnlyWhatTheStateFileDidNotHave) {
  note(report(0, 1000));
  const auto rest = open().without_counted(report(600, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 500U);
  const auto nothing = open().without_counted(report(600, 1000));
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->original_counters, Counters{});
}

TEST_F(CountedReportsTest, LeavesASuccessorWithTheSameAddressesAndPortsAlone) {
  note(report(0, 1000));
  Flow other = report(0, 2000);
  other.earlier = {};
  other.start = kBegan + 1001s;
  EXPECT_FALSE(open().without_counted(other));
}

TEST_F(CountedReportsTest, CountsAllWhereCountersFell) {
  note(report(0, 1000));
  EXPECT_FALSE(open().without_counted(report(0, 900)));
}

TEST_F(CountedReportsTest, KnowsTheLastReportAlsoBeforeSomeCheckpoints) {
  {
    CountedReports counted = open();
    note(counted, report(0, 1000));
    counted.checkpoint();
    note(counted, report(1000, 1200));
    counted.checkpoint();
  }
  const auto rest = open().without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 300U);
}

TEST_F(CountedReportsTest, ForgetsWhatTheStateFileMustHave) {
  {
    CountedReports counted = open();
    note(counted, report(0, 1000));
    for (int i = 0; i < 4 * 16; ++i) {
      note(counted, report(0, 100, 444));
      counted.checkpoint();
    }
  }
  EXPECT_FALSE(open().without_counted(report(0, 1500)));
  EXPECT_TRUE(knows(100, 444));
}

TEST_F(CountedReportsTest, TouchesNoFileAtACheckpointWithoutReports) {
  CountedReports counted = open();
  note(counted, report(0, 1000));
  counted.checkpoint();
  const auto state = [&] {
    std::vector<std::pair<std::string, std::filesystem::file_time_type>> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.name()))
      all.emplace_back(entry.path(), entry.last_write_time());
    all.emplace_back("", std::filesystem::last_write_time(directory_.name()));
    return all;
  };
  const auto before = state();
  for (int i = 0; i < 100; ++i) counted.checkpoint();
  EXPECT_EQ(state(), before);
  EXPECT_TRUE(knows(1000));
}

TEST_F(CountedReportsTest, HasAFileForSeveralCheckpoints) {
  CountedReports counted = open();
  for (std::uint64_t i = 0; i < 32; ++i) {
    note(counted, report(100 * i, 100 * i + 100));
    counted.checkpoint();
  }
  EXPECT_TRUE(std::filesystem::exists(file(2)));
  EXPECT_FALSE(std::filesystem::exists(file(3)));
  EXPECT_TRUE(knows(3200));
}

TEST_F(CountedReportsTest, KnowsWhatWasNotReportedBetweenTwoKills) {
  note(report(0, 1000));
  CountedReports between = open();
  for (int i = 0; i < 3; ++i) between.checkpoint();
  ASSERT_TRUE(open().without_counted(report(0, 1500)));
}

TEST_F(CountedReportsTest, TakesRoomWithoutARecordForNone) {
  std::ofstream(file()).close();
  std::filesystem::resize_file(file(), 20'000 * sizeof(CountedReports::Record));
  CountedReports counted = open();
  note(counted, report(0, 1000));
  counted.checkpoint();
  EXPECT_EQ(std::filesystem::file_size(file()), 0U) << "nothing is left to keep";
}

/// Records one behind the other from the beginning on, without room for more.
TEST_F(CountedReportsTest, ReadsAndKeepsWhatEarlierVersionsWrote) {
  constexpr std::uint16_t kRecords = 3;
  std::ofstream old(file(), std::ios::binary);
  for (std::uint16_t port = 0; port < kRecords; ++port) {
    const Flow flow = report(0, 1000, port);
    const auto until = static_cast<std::uint64_t>(flow.end.time_since_epoch().count());
    std::array<std::uint64_t, 7> words{table_hash_of(flow.original), 10, 1000, 0, 0, until};
    std::uint64_t check = mix(words[0]);
    for (std::size_t i = 1; i < 6; ++i) check = mix(check ^ words.at(i));
    words[6] = check;
    old.write(reinterpret_cast<const char*>(words.data()), sizeof words);
  }
  old << "a part of one";
  old.close();
  for (std::uint16_t port = 0; port < kRecords; ++port) EXPECT_TRUE(knows(1000, port)) << port;
  note(report(0, 2000, kRecords));
  note(report(1000, 1200, 0));
  EXPECT_TRUE(knows(1200, 0)) << "the last one holds";
  EXPECT_TRUE(knows(1000, 1));
  EXPECT_TRUE(knows(2000, kRecords));
}

TEST_F(CountedReportsTest, GoesOnBehindAPartOfARecord) {
  constexpr std::uint64_t kRecord = sizeof(CountedReports::Record);
  note(report(0, 1000));
  std::filesystem::resize_file(file(), kRecord + kRecord / 2);
  note(report(1000, 1100));
  EXPECT_TRUE(knows(1100));
  std::filesystem::resize_file(file(), kRecord);
  EXPECT_TRUE(knows(1000)) << "that of before is still there";
}

TEST_F(CountedReportsTest, KnowsAllOfManyRecords) {
  constexpr std::uint16_t kMany = 5000;  // more than find room at once
  constexpr std::uint64_t kRoom = 10'000;
  {
    CountedReports counted = open();
    for (std::uint16_t port = 0; port < kMany; ++port) note(counted, report(0, 1000, port));
  }
  EXPECT_LT(std::filesystem::file_size(file()), kRoom * sizeof(CountedReports::Record));
  CountedReports after = open();
  for (std::uint16_t port = 0; port < kMany; ++port) {
    EXPECT_TRUE(after.without_counted(report(0, 1500, port))) << port;
  }
}

TEST_F(CountedReportsTest, SharesAFileWithTheOneThatAReloadReplaces) {
  CountedReports before = open();
  note(before, report(0, 1000, 1));
  CountedReports after = open();
  note(after, report(0, 1000, 2));
  note(before, report(0, 1000, 3));
  note(after, report(0, 1000, 4));
  for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_TRUE(knows(1000, port)) << port;
}

TEST_F(CountedReportsTest, ForgetsForGoodWhatAKillLeftUndone) {
  note(report(0, 1000));
  note(report(1000, 1200));
  const auto undone = CountedReports::record_of(report(1000, 1200)).check;
  const auto rest = CountedReports(prefix_, {undone}).without_counted(report(0, 1500));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->original_counters.octets, 500U) << "1000 were counted";
  EXPECT_TRUE(knows(1000)) << "also by the next process, which is not told";
}

TEST_F(CountedReportsTest, LivesWithAFullDisk) {
  bool allowed = true;
  std::thread([&] {
    // In a mount namespace of this thread, with room for the first thousand.
    allowed = unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount("none", directory_.name().c_str(), "tmpfs", 0, "size=64k") == 0;
    if (!allowed) return;
    constexpr std::uint16_t kMany = 5000;
    const test::LoggedLines lines;
    CountedReports counted = open();
    for (std::uint16_t port = 0; port < kMany; ++port) note(counted, report(0, 1000, port));
    EXPECT_EQ(lines.count("accounting_reports_unavailable"), 1U);
    EXPECT_EQ(lines.count("No space left"), 1U);
    EXPECT_TRUE(knows(1000, 0));
    EXPECT_TRUE(knows(1000, 1000));
    EXPECT_FALSE(knows(1000, kMany - 1));
    mount("none", directory_.name().c_str(), "tmpfs", MS_REMOUNT, "size=1m");
    counted.checkpoint();
    note(counted, report(0, 1000, kMany));
    EXPECT_TRUE(knows(1000, 0));
    EXPECT_TRUE(knows(1000, kMany)) << "from the next checkpoint on";
    umount(directory_.name().c_str());
  }).join();
  if (!allowed) GTEST_SKIP() << "a file system of its own needs root";
}

TEST_F(CountedReportsTest, KeepsEarlierFilesWhereTheNextOneCannotBeOpened) {
  constexpr int kOfOneFile = 1'000'000;
  constexpr std::uint16_t kEarlier = 442;
  constexpr std::uint16_t kOther = 444;
  CountedReports counted = open();
  const auto note_all_of_a_file = [&](std::uint16_t port) {
    const auto record = CountedReports::record_of(report(0, 1000, port));
    for (int i = 0; i < kOfOneFile; ++i) counted.note(record);
  };
  for (int i = 0; i < 16; ++i) {
    note(counted, report(0, 1000, kEarlier));
    counted.checkpoint();
  }
  note_all_of_a_file(443);
  {
    const NoMoreFiles limit;
    for (int i = 0; i < 10; ++i) note(counted, report(0, 2000));
  }
  EXPECT_TRUE(knows(1000)) << "in the file of before";
  EXPECT_TRUE(knows(1000, kEarlier)) << "in that before it";
  std::filesystem::remove(file());
  note_all_of_a_file(kOther);
  note(counted, report(0, 2000, kOther));
  EXPECT_TRUE(knows(1000, kEarlier));
  EXPECT_TRUE(knows(1000));
  EXPECT_TRUE(knows(2000, kOther)) << "it is tried again";
}

TEST_F(CountedReportsTest, NeedsNoFile) {
  CountedReports counted("/nonexistent/accounting");
  note(counted, report(0, 1000));
  counted.checkpoint();
  EXPECT_FALSE(counted.without_counted(report(0, 1500)));
}

}  // namespace
}  // namespace ctflow::accounting
