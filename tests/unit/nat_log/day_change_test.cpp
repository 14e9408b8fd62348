// SPDX-License-Identifier: GPL-2.0-or-later
// Where one day's file ends and the next begins nobody is said to have had a port who is not known
// not to have had it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/nat_log_flows.hpp"
#include "support/recorded_disk.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::NatLogFixture;
using test::source_nat;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kMine = "203.0.113.7:40213";
constexpr const char* kNobodys = "203.0.113.7:40299";

/// It is 23:58, the log has run for two minutes.
class DayChangeTest : public testing::Test, protected NatLogFixture {
 protected:
  DayChangeTest() : NatLogFixture("2026-11-23T23:56:00Z") {
    start();
    go(2min);
  }

  /// Commits as the thread does.
  void go(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 5s) {
      pass(5s);
      write();
    }
  }
  [[nodiscard]] Verdict asked(const char* who, const std::string& time) {
    return ask(who, time).verdict;
  }
  [[nodiscard]] std::filesystem::path path(const char* day) const {
    return std::filesystem::path(directory()) / ("nat-" + std::string(day) + ".sqlite");
  }
  [[nodiscard]] bool writable(const char* day) const {
    const auto owner = std::filesystem::perms::owner_write;
    return (std::filesystem::status(path(day)).permissions() & owner) == owner;
  }

  const Flow flow_ = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", kMine);
};

TEST_F(DayChangeTest, EachSecondAroundMidnightIsNobodysOnceItIsWritten) {
  go(5min);
  for (const char* const time : {"2026-11-23T23:59:58.5Z", "2026-11-23T23:59:59.999Z",
                                 "2026-11-24T00:00:00Z", "2026-11-24T00:00:01Z"}) {
    EXPECT_EQ(asked(kNobodys, time), Verdict::kNone) << time;
  }
}

TEST_F(DayChangeTest, TheLastSecondsOfADayAreWrittenWithTheNext) {
  pass(2min + 300ms);  // 00:00:00.3
  write();
  EXPECT_EQ(asked(kNobodys, "2026-11-23T23:59:58Z"), Verdict::kNone);
  const Answer under_way = ask(kNobodys, "2026-11-23T23:59:59.9Z");
  EXPECT_EQ(under_way.verdict, Verdict::kCannotSay);
  pass(5s);
  write();
  EXPECT_EQ(asked(kNobodys, "2026-11-23T23:59:59.9Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, AFileThatWasMadeAndNoMoreSaysNothingOfTheDayBefore) {
  begin(flow_);
  pass(10s);  // what waits is lost
  kill();
  forget_events();
  { const DayFile made(directory(), day_of(now()) + std::chrono::days(1)); }
  set_clock("2026-11-24T00:10:00Z");
  const Answer before = ask(kMine, "2026-11-23T23:58:05Z");
  EXPECT_EQ(before.verdict, Verdict::kCannotSay);
  EXPECT_THAT(before.missing, testing::ElementsAre(HasSubstr("nat-20261123.sqlite is written "
                                                             "until 2026-11-23T23:57:59.000Z")));
  start();
  go(1min);
  const Answer after = ask(kMine, "2026-11-23T23:58:05Z");
  EXPECT_EQ(after.verdict, Verdict::kCannotSay);
  ASSERT_THAT(after.holes, SizeIs(1));
  EXPECT_EQ(after.holes[0].reason, "not_running");
  EXPECT_EQ(after.holes[0].ended, moment_of(test::at("2026-11-24T00:10:00Z")));
  EXPECT_EQ(asked(kNobodys, "2026-11-23T23:57:30Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, WhatWaitedForTwoDaysIsNobodysNeitherUntilAllIsWritten) {
  {
    Database other(path("20261123").string(), Database::Access::kWrite);
    other.execute("BEGIN IMMEDIATE");
    EXPECT_THROW(write(), SqliteError);
  }
  pass(48h);
  write();  // what had waited first; the rest comes with the next
  EXPECT_EQ(asked(kMine, "2026-11-23T23:59:00Z"), Verdict::kCannotSay);
  EXPECT_EQ(asked(kMine, "2026-11-25T12:00:00Z"), Verdict::kCannotSay);
  begin(flow_);
  write();
  pass(5s);
  write();
  EXPECT_EQ(asked(kNobodys, "2026-11-23T23:59:00Z"), Verdict::kNone);
  EXPECT_EQ(asked(kNobodys, "2026-11-25T12:00:00Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, AHoleIsInTheFilesOfAllDaysThatItTouches) {
  go(5min);
  kill();
  { const DayFile made(directory(), day_of(now()) + std::chrono::days(1)); }
  pass(48h);
  start();
  go(1min);
  for (const char* const time :
       {"2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z", "2026-11-26T00:01:00Z"}) {
    EXPECT_EQ(asked(kNobodys, time), Verdict::kCannotSay) << time;
  }
}

TEST_F(DayChangeTest, AfterAClockThatWasAheadTheDaysOfThatClockDoNotSpeakForTheDaysBefore) {
  set_clock("2026-11-25T00:10:00Z");
  go(10min);
  set_clock("2026-11-24T10:00:00Z");
  go(10min);
  kill();  // until the 25th, of which there is a file
  set_clock("2026-11-25T12:00:00Z");
  start();
  go(1min);
  EXPECT_EQ(asked(kNobodys, "2026-11-24T20:00:00Z"), Verdict::kCannotSay);
  EXPECT_EQ(asked(kNobodys, "2026-11-25T06:00:00Z"), Verdict::kCannotSay);
}

TEST_F(DayChangeTest, AClockThatBeginsLongAgoTakesNothingFromTheDaysThatAreWritten) {
  go(5min);
  kill();
  set_clock("1970-01-01T00:00:10Z");
  start();
  go(1min);
  set_clock("2026-11-24T00:10:00Z");
  go(1min);
  for (const char* const time :
       {"2026-11-23T23:57:00Z", "2026-11-24T00:01:00Z", "2026-11-24T00:10:30Z"}) {
    EXPECT_EQ(asked(kNobodys, time), Verdict::kNone) << time;
  }
  for (const char* const time :
       {"2026-11-24T00:03:01Z", "2026-11-24T00:09:00Z", "1970-01-01T00:05:00Z"}) {
    EXPECT_EQ(asked(kNobodys, time), Verdict::kCannotSay) << time;
  }
}

TEST_F(DayChangeTest, AClockThatStepsBackOverMidnightLeavesNothingSureThatIsNamedTwice) {
  go(4min);  // 00:02
  set_clock("2026-11-23T23:59:00Z");
  begin(flow_);
  go(4min);
  EXPECT_EQ(asked(kNobodys, "2026-11-23T23:59:30Z"), Verdict::kCannotSay);
  EXPECT_EQ(asked(kNobodys, "2026-11-24T00:01:00Z"), Verdict::kCannotSay);
  EXPECT_EQ(asked(kNobodys, "2026-11-24T00:02:30Z"), Verdict::kNone);
  EXPECT_EQ(asked(kMine, "2026-11-24T00:02:30Z"), Verdict::kOne);
}

TEST_F(DayChangeTest, TheDayBeforeMayBeRemovedWhileItIsWrittenTo) {
  begin(flow_);
  table = {flow_};
  go(1min);
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(path("20261123").string() + suffix);
  }
  go(3min);
  table.clear();
  end(flow_);
  go(3min);
  EXPECT_EQ(asked(kMine, "2026-11-23T23:58:30Z"), Verdict::kCannotSay);
  EXPECT_EQ(asked(kMine, "2026-11-24T00:00:30Z"), Verdict::kOne) << "it has a new row by the table";
  EXPECT_EQ(asked(kNobodys, "2026-11-24T00:00:30Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, TheDayBeforeMayBeOlderThanTheRetention) {
  retention = std::chrono::days(0);
  start();
  begin(flow_);
  go(20min);
  EXPECT_THAT(list_days(directory()), SizeIs(1));
  end(flow_);
  go(1min);
  EXPECT_EQ(asked(kMine, "2026-11-24T00:15:00Z"), Verdict::kOne) << "its row was taken over";
  EXPECT_EQ(asked(kNobodys, "2026-11-24T00:15:00Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, ALateRowOpensAFileThatIsSealedAndClosesItAgain) {
  go(10min);
  ASSERT_FALSE(writable("20261123"));
  Flow late = flow_;
  late.present.start = true;
  late.start = test::at("2026-11-23T23:59:30Z");
  table = {late};
  hole(HoleReason::kEventsLost);
  go(15s);
  EXPECT_EQ(asked(kMine, "2026-11-23T23:59:45Z"), Verdict::kOne);
  EXPECT_TRUE(writable("20261123"));
  end(late);
  go(3min);
  EXPECT_FALSE(writable("20261123"));
  EXPECT_EQ(asked(kMine, "2026-11-23T23:59:45Z"), Verdict::kOne);
}

TEST_F(DayChangeTest, AReadOnlyFileWithAWriteAheadLogIsNotSealed) {
  begin(flow_);
  go(5s);
  // A power cut took the right to write that it had got back, but not the row.
  const std::string copy = path("20261123").string();
  std::filesystem::create_directory(directory() + "/aside");
  for (const char* const suffix : {"", "-wal"}) {
    std::filesystem::copy(copy + suffix, directory() + "/aside/file" + suffix);
  }
  kill();
  for (const char* const suffix : {"", "-wal"}) {
    std::filesystem::rename(directory() + "/aside/file" + suffix, copy + suffix);
  }
  ASSERT_EQ(chmod(copy.c_str(), 0440), 0);
  set_clock("2026-11-24T00:10:00Z");
  start();
  EXPECT_EQ(store().open(), 1U) << "its connection may exist";
  go(3min);
  EXPECT_EQ(asked(kMine, "2026-11-24T00:11:00Z"), Verdict::kNone);
}

TEST_F(DayChangeTest, OnlyTheFileOfADayBeforeWaitsForTheDisk) {
  const test::RecordedDisk disk;
  NatLogFixture log("2026-11-23T23:58:00Z");
  log.start();
  const auto syncs = [&] {
    return std::count_if(disk.changes().begin(), disk.changes().end(), [](const auto& change) {
      return change.kind == test::DiskChange::Kind::kSync;
    });
  };
  log.begin(flow_);
  log.write();
  const auto at_first = syncs();
  for (int i = 0; i < 10; ++i) {
    log.pass(5s);
    log.write();
  }
  EXPECT_EQ(syncs(), at_first);
  log.pass(5min);
  log.write();
  const auto next_day = syncs();
  EXPECT_GT(next_day, at_first);
  log.pass(5s);
  log.end(flow_);
  log.write();
  EXPECT_EQ(syncs(), next_day + 1);
  log.pass(5s);
  log.write();
  EXPECT_EQ(syncs(), next_day + 1);
}

}  // namespace
}  // namespace ctflow::nat
