// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::destination_nat;
using test::NatLogFixture;
using test::source_nat;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Flow kFirst = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", "203.0.113.7:40213");
const Flow kSecond = source_nat(2, "10.0.0.6:5000", "198.51.100.2:443", "203.0.113.7:40213");

std::vector<std::string> inside(const Answer& answer) {
  std::vector<std::string> all;
  for (const Found& row : answer.found) all.push_back(row.inside_address);
  return all;
}

std::vector<std::string> reasons(const Answer& answer) {
  std::vector<std::string> all;
  for (const Hole& hole : answer.holes) all.push_back(hole.reason);
  return all;
}

/// A log that was written for a minute: what it says about the time after is certain.
class StoreTest : public testing::Test, protected NatLogFixture {
 protected:
  StoreTest() { start(); }
};

TEST_F(StoreTest, FindsWhoHadAPortWhileItWasOpenAndAfter) {
  pass(60s);
  begin(kFirst);
  write();
  pass(60s);
  write();
  const Answer open = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_EQ(open.verdict, Verdict::kOne);
  ASSERT_THAT(inside(open), ElementsAre("10.0.0.5"));
  EXPECT_EQ(open.found[0].inside_port, 5000);
  EXPECT_EQ(open.found[0].ended, std::nullopt);
  EXPECT_EQ(open.found[0].remote_address, "");
  end(kFirst);
  write();
  EXPECT_EQ(store().open(), 0U);
  pass(60s);
  write();
  const Answer closed = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_EQ(closed.verdict, Verdict::kOne);
  EXPECT_EQ(closed.found.at(0).ended, moment_of(test::at("2026-11-23T10:02:00Z")));
  for (const char* const time : {"2026-11-23T10:00:58Z", "2026-11-23T10:02:02Z"}) {
    EXPECT_EQ(ask("203.0.113.7:40213", time).verdict, Verdict::kNone) << time;
  }
  // Foreign clocks are a second off at most.
  for (const char* const time : {"2026-11-23T10:00:59.000Z", "2026-11-23T10:02:01Z"}) {
    EXPECT_EQ(ask("203.0.113.7:40213", time).verdict, Verdict::kOne) << time;
  }
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:01:30Z", "", 17).verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:40214", "2026-11-23T10:01:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, SaysSeveralWhereAPortIsUsedTwiceAndTheRemoteEndDecides) {
  destination = true;
  start();
  pass(60s);
  begin(kFirst);
  begin(kSecond);
  pass(60s);
  write();
  const Answer both = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_EQ(both.verdict, Verdict::kSeveral);
  EXPECT_THAT(inside(both), SizeIs(2));
  const Answer one = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z", "198.51.100.2:443");
  EXPECT_EQ(one.verdict, Verdict::kOne);
  EXPECT_THAT(inside(one), ElementsAre("10.0.0.6"));
  EXPECT_THAT(inside(ask("203.0.113.7:40213", "2026-11-23T10:01:30Z", "198.51.100.1")),
              ElementsAre("10.0.0.5"));
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:01:30Z", "198.51.100.1:80").verdict,
            Verdict::kNone);
  // The end of one is not that of the other.
  end(kFirst);
  write();
  pass(60s);
  write();
  EXPECT_THAT(inside(ask("203.0.113.7:40213", "2026-11-23T10:02:30Z")), ElementsAre("10.0.0.6"));
}

TEST_F(StoreTest, WithoutDestinationsCannotTellSeveralApart) {
  pass(60s);
  begin(kFirst);
  begin(kSecond);
  pass(60s);
  write();
  const Answer asked = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z", "198.51.100.2:443");
  EXPECT_EQ(asked.verdict, Verdict::kSeveral);
  EXPECT_TRUE(asked.remote_not_logged);
}

TEST_F(StoreTest, KnowsDestinationNatAndConnectionsWithBoth) {
  pass(60s);
  begin(destination_nat(3, "198.51.100.9:6000", "203.0.113.7:80", "10.0.0.80:8080"));
  Flow both = destination_nat(4, "10.0.0.5:7000", "203.0.113.7:81", "10.0.0.80:8080");
  both.reply = test::tuple("10.0.0.80:8080", "10.0.0.1:7000");
  both.status = status::kSourceNat | status::kDestinationNat;
  begin(both);
  pass(60s);
  write();
  const Answer server = ask("203.0.113.7:80", "2026-11-23T10:01:30Z");
  ASSERT_EQ(server.verdict, Verdict::kOne);
  EXPECT_EQ(server.found[0].inside_address, "10.0.0.80");
  EXPECT_EQ(server.found[0].inside_port, 8080);
  EXPECT_TRUE(server.found[0].destination_nat);
  EXPECT_THAT(inside(ask("203.0.113.7:81", "2026-11-23T10:01:30Z")), ElementsAre("10.0.0.80"));
  EXPECT_THAT(inside(ask("10.0.0.1:7000", "2026-11-23T10:01:30Z")), ElementsAre("10.0.0.5"));
  end(both);
  write();
  EXPECT_EQ(store().open(), 1U);
}

// Of the events that are read together all have one time, and the kernel gives the same id again.
TEST_F(StoreTest, FindsAPortThatItsHostOpenedAgainAtOnce) {
  pass(60s);
  begin(kFirst);
  end(kFirst);
  begin(kFirst);
  write();
  pass(60s);
  write();
  EXPECT_EQ(store().open(), 1U);
  const Answer open = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_THAT(inside(open), ElementsAre("10.0.0.5"));
  EXPECT_EQ(open.found.at(0).ended, std::nullopt);
  end(kFirst);
  pass(60s);
  write();
  const Answer closed = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_EQ(closed.found.at(0).ended, moment_of(test::at("2026-11-23T10:02:00Z")));
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:02:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, KeepsIpv6) {
  pass(60s);
  begin(source_nat(5, "[fd00::5]:5000", "[2001:db8::1]:443", "[2001:db8:7::7]:40213"));
  pass(60s);
  write();
  EXPECT_THAT(inside(ask("[2001:db8:7::7]:40213", "2026-11-23T10:01:30Z")), ElementsAre("fd00::5"));
}

TEST_F(StoreTest, FindsAConnectionThatCrossedMidnightInTheDayOfItsBegin) {
  set_clock("2026-11-23T23:59:00Z");
  start();
  begin(kFirst);
  write();
  for (int hour = 0; hour < 49; ++hour) {
    pass(1h);
    write();
  }
  end(kFirst);
  write();
  pass(60s);
  write();
  for (const char* const time :
       {"2026-11-23T23:59:30Z", "2026-11-24T12:00:00Z", "2026-11-26T00:59:00Z"}) {
    const Answer answer = ask("203.0.113.7:40213", time);
    EXPECT_THAT(inside(answer), ElementsAre("10.0.0.5")) << time;
  }
  pass(120s);
  write();
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-26T01:00:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, HasAFileForEachDayAndSealsThoseThatAreOver) {
  begin(kFirst);
  write();
  end(kFirst);
  write();
  pass(24h);
  write();
  pass(2min);
  write();
  EXPECT_THAT(list_days(directory()), SizeIs(2));
  const auto first = std::filesystem::path(directory()) / "nat-20261123.sqlite";
  EXPECT_EQ(std::filesystem::status(first).permissions() & std::filesystem::perms::owner_write,
            std::filesystem::perms::none);
  EXPECT_FALSE(std::filesystem::exists(first.string() + "-wal"));
}

TEST_F(StoreTest, RemovesDaysOlderThanTheRetentionOnceTheClockRunsEvenly) {
  for (int day = 0; day < 33; ++day) {
    write();
    pass(24h);
  }
  write();
  EXPECT_EQ(file_name(list_days(directory()).front()), "nat-20261126.sqlite");
  set_clock("2030-01-01T00:00:00Z");  // wrong: a day later somebody corrects it
  pass(1s);
  write();
  pass(5min);
  write();
  EXPECT_THAT(list_days(directory()), SizeIs(32));
}

TEST_F(StoreTest, WhatHappenedWhileNobodyListenedIsAHole) {
  pass(60s);
  begin(kFirst);
  write();
  pass(60s);
  write();
  kill();
  pass(600s);
  table = {kFirst};
  start();
  pass(60s);
  write();
  const Answer down = ask("203.0.113.7:40299", "2026-11-23T10:06:00Z");
  EXPECT_EQ(down.verdict, Verdict::kCannotSay);
  EXPECT_THAT(reasons(down), ElementsAre("not_running"));
  EXPECT_EQ(down.holes[0].began, moment_of(test::at("2026-11-23T10:01:59Z")));
  EXPECT_EQ(down.holes[0].ended, moment_of(test::at("2026-11-23T10:12:00Z")));
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:01:00Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:12:30Z").verdict, Verdict::kNone);
  // What was open all the time has one row still.
  const Answer open = ask("203.0.113.7:40213", "2026-11-23T10:12:30Z");
  EXPECT_EQ(open.verdict, Verdict::kOne);
  EXPECT_THAT(open.found, SizeIs(1));
  EXPECT_EQ(store().open(), 1U);
}

TEST_F(StoreTest, TheHoleOfAStartGoesOnUntilTheTableWasRead) {
  pass(60s);
  write();
  kill();
  pass(60s);
  table = {kFirst};
  reading_takes = 5s;
  start();
  reading_takes = 0s;
  pass(60s);
  write();
  // It existed, but its row begins when it was seen.
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:02:02.500Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:02:30Z").verdict, Verdict::kOne);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:02:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, TheHoleOfAStartGoesOnWhileTheTableCannotBeRead) {
  pass(60s);
  write();
  kill();
  pass(60s);
  table = {kFirst};
  table_error = std::make_error_code(std::errc::no_buffer_space);
  start();
  pass(5s);
  write();
  const Answer within = ask("203.0.113.7:40213", "2026-11-23T10:02:01Z");
  EXPECT_EQ(within.verdict, Verdict::kCannotSay);
  EXPECT_THAT(reasons(within), ElementsAre("not_running"));
  table_error.clear();
  pass(20s);
  write();
  pass(60s);
  write();
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:02:20Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:02:40Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, AfterACrashRowsWithoutAConnectionHaveNoKnownEnd) {
  pass(60s);
  begin(kFirst);
  begin(kSecond);
  write();
  kill();
  pass(600s);
  table = {kSecond};
  start();
  pass(Store::kLateEnds);
  write();
  const Answer gone = ask("203.0.113.7:40213", "2026-11-23T10:06:00Z");
  ASSERT_THAT(gone.found, SizeIs(2));
  const Found& first = gone.found[gone.found[0].inside_address == "10.0.0.5" ? 0 : 1];
  EXPECT_EQ(first.unsure, unsure::kEnded);
  EXPECT_EQ(first.ended, moment_of(test::at("2026-11-23T10:11:00Z")));
  EXPECT_EQ(store().open(), 1U);
}

TEST_F(StoreTest, AnEndThatComesSoonAfterTheTableWasReadIsExact) {
  pass(60s);
  begin(kFirst);
  write();
  kill();
  pass(60s);
  start();
  pass(3s);
  end(kFirst);
  write();
  pass(60s);
  write();
  const Answer answer = ask("203.0.113.7:40213", "2026-11-23T10:02:02Z");
  ASSERT_THAT(answer.found, SizeIs(1));
  EXPECT_EQ(answer.found[0].unsure, 0);
  EXPECT_EQ(answer.found[0].ended, moment_of(test::at("2026-11-23T10:02:03Z")));
}

TEST_F(StoreTest, ExistingConnectionsGetTheKernelsStart) {
  Flow stamped = kFirst;
  stamped.present.start = true;
  stamped.start = test::at("2026-11-23T09:59:50Z");
  table = {stamped, kSecond};
  kill();
  pass(60s);
  start();
  pass(60s);
  write();
  const Answer answer = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  ASSERT_THAT(answer.found, SizeIs(2));
  EXPECT_EQ(answer.found[0].began, moment_of(stamped.start));
  EXPECT_EQ(answer.found[0].unsure, 0);
  EXPECT_EQ(answer.found[1].unsure, unsure::kBegan);
}

TEST_F(StoreTest, LostEventsAreAHoleUntilTheTableWasRead) {
  pass(60s);
  write();
  hole(HoleReason::kEventsLost);
  table = {kFirst};
  pass(1s);
  table_error = std::make_error_code(std::errc::no_buffer_space);
  write();
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:01:00.5Z").verdict, Verdict::kCannotSay);
  table_error.clear();
  pass(20s);
  write();
  pass(60s);
  write();
  const Answer during = ask("203.0.113.7:40299", "2026-11-23T10:01:10Z");
  EXPECT_EQ(during.verdict, Verdict::kCannotSay);
  EXPECT_THAT(reasons(during), ElementsAre("events_lost"));
  EXPECT_EQ(during.holes[0].ended, moment_of(test::at("2026-11-23T10:01:21Z")));
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:02:00Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:02:00Z").verdict, Verdict::kOne);
}

TEST_F(StoreTest, AnEndWithoutABeginningIsARow) {
  pass(60s);
  Flow stamped = kFirst;
  stamped.present.start = true;
  stamped.start = test::at("2026-11-23T10:00:30Z");
  end(stamped);
  end(kSecond);
  write();
  pass(60s);
  write();
  EXPECT_THAT(inside(ask("203.0.113.7:40213", "2026-11-23T10:00:45Z")), ElementsAre("10.0.0.5"));
  EXPECT_THAT(ask("203.0.113.7:40213", "2026-11-23T10:01:00Z").found, SizeIs(2));
}

TEST_F(StoreTest, AClockThatIsSetMakesAHoleAndNoOrderIsLost) {
  pass(60s);
  begin(kFirst);
  write();
  set_clock("2026-11-23T09:31:00Z");  // half an hour back
  write();
  pass(60s);
  end(kFirst);
  write();
  pass(3600s);
  write();
  const Answer twice = ask("203.0.113.7:40299", "2026-11-23T10:00:30Z");
  EXPECT_EQ(twice.verdict, Verdict::kCannotSay);
  EXPECT_THAT(reasons(twice), testing::Contains("clock_set"));
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:20:00Z").verdict, Verdict::kNone);
  const Answer row = ask("203.0.113.7:40213", "2026-11-23T10:01:00Z");
  ASSERT_THAT(row.found, SizeIs(1));
  EXPECT_GE(row.found[0].ended, row.found[0].began);
}

TEST_F(StoreTest, AClockThatWasFarInTheFutureForAWhileSpoilsNoneOfToday) {
  pass(60s);
  write();
  set_clock("2036-01-01T00:00:00Z");
  write();
  pass(30s);
  write();
  set_clock("2026-11-23T10:01:40Z");
  write();
  pass(600s);
  write();
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:05:00Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:01:20Z").verdict, Verdict::kCannotSay);
}

TEST_F(StoreTest, OfTheTimeToComeItSaysNothing) {
  pass(60s);
  write();
  const Answer early = ask("203.0.113.7:40213", "2026-11-23T10:30:00Z");
  EXPECT_EQ(early.verdict, Verdict::kCannotSay);
  EXPECT_THAT(early.missing, SizeIs(1));
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-20T10:30:00Z").verdict, Verdict::kCannotSay);
}

TEST_F(StoreTest, WhatFailsIsWrittenWholeLater) {
  pass(60s);
  // Another program writes: everything fails and nothing is kept.
  Database other(directory() + "/nat-20261123.sqlite", Database::Access::kWrite);
  other.execute("BEGIN IMMEDIATE");
  begin(kFirst);
  end(kFirst);
  begin(kSecond);
  EXPECT_THROW(write(), SqliteError);
  EXPECT_EQ(store().open(), 0U);
  other.execute("ROLLBACK");
  write();
  EXPECT_EQ(store().open(), 1U);
  pass(60s);
  write();
  EXPECT_THAT(ask("203.0.113.7:40213", "2026-11-23T10:01:00Z").found, SizeIs(2));
}

TEST_F(StoreTest, IsNotCompleteUntilNowWhereOlderEventsWereRefused) {
  pass(60s);
  Database other(directory() + "/nat-20261123.sqlite", Database::Access::kWrite);
  other.execute("BEGIN IMMEDIATE");
  begin(kFirst);
  EXPECT_THROW(write(), SqliteError);
  other.execute("ROLLBACK");
  pass(60s);  // what came meanwhile waits behind them
  write();
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:01:30Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:00:30Z").verdict, Verdict::kNone);
  write();
  pass(1s);
  EXPECT_EQ(ask("203.0.113.7:40299", "2026-11-23T10:01:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreTest, CannotSayWhereTheFileOfALongTranslationIsGone) {
  begin(kFirst);
  for (int day = 0; day < 3; ++day) {
    pass(24h);
    write();
  }
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-25T12:00:00Z").verdict, Verdict::kOne);
  std::filesystem::remove(std::filesystem::path(directory()) / "nat-20261123.sqlite");
  const Answer gone = ask("203.0.113.7:40213", "2026-11-25T12:00:00Z");
  EXPECT_EQ(gone.verdict, Verdict::kCannotSay);
  EXPECT_THAT(gone.missing, ElementsAre(testing::HasSubstr("nat-20261123.sqlite")));
}

TEST_F(StoreTest, CannotSayWhoHadAPortWhereTheFileOfTodayWasMovedAway) {
  pass(60s);
  begin(kFirst);
  write();
  pass(60s);
  end(kFirst);
  begin(kSecond);
  table = {kSecond};
  write();
  const std::string file = directory() + "/nat-20261123.sqlite";
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    std::filesystem::rename(file + suffix, file + ".old" + suffix);
  }
  pass(60s);
  const Flow other = source_nat(3, "10.0.0.7:5000", "198.51.100.1:443", "203.0.113.7:40214");
  begin(other);
  table.push_back(other);
  write();
  pass(60s);
  write();
  EXPECT_EQ(ask("203.0.113.7:1", "2026-11-23T10:01:30Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask("203.0.113.7:1", "2026-11-23T10:03:30Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:1", "2026-11-22T10:03:30Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(store().open(), 2U);
}

TEST_F(StoreTest, FindsTodayWhatBeganYesterdayAndHadNoBeginning) {
  pass(14h + 2s);  // midnight has passed
  write();
  Flow stamped = kFirst;
  stamped.present.start = true;
  stamped.start = test::at("2026-11-23T23:59:30Z");
  end(stamped);
  write();
  pass(60s);
  write();
  EXPECT_THAT(inside(ask("203.0.113.7:40213", "2026-11-24T00:00:01Z")), ElementsAre("10.0.0.5"));
}

TEST_F(StoreTest, TwoProcessesDoNotWriteToOneDirectory) {
  Store second(config(), [](const auto&) { return std::error_code(); });
  EXPECT_THROW(second.write({}), std::system_error);
}

TEST_F(StoreTest, ForgetsAnAddressButNotThatThePortWasUsed) {
  destination = true;
  start();
  pass(60s);
  begin(kFirst);
  write();
  pass(60s);
  write();
  const Forgotten done = forget(directory(), test::endpoint("10.0.0.5"));
  EXPECT_EQ(done.inside, 1);
  EXPECT_EQ(forget(directory(), test::endpoint("198.51.100.1")).remote, 1);
  const Answer answer = ask("203.0.113.7:40213", "2026-11-23T10:01:30Z");
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
  EXPECT_THAT(inside(answer), ElementsAre(""));
  std::vector<Found> rows;
  for_each_row_of(directory(), test::endpoint("10.0.0.5"),
                  [&](const Found& row) { rows.push_back(row); });
  EXPECT_THAT(rows, IsEmpty());
  // Its end still finds the row.
  end(kFirst);
  write();
  EXPECT_EQ(store().open(), 0U);
  pass(60s);
  write();
  EXPECT_TRUE(ask("203.0.113.7:40213", "2026-11-23T10:01:30Z").found.at(0).ended.has_value());
}

TEST_F(StoreTest, ForgetsInFilesThatAreSealed) {
  pass(60s);
  begin(kFirst);
  end(kFirst);
  write();
  pass(24h);
  write();
  pass(2min);
  write();
  EXPECT_EQ(forget(directory(), test::endpoint("10.0.0.5")).inside, 1);
  EXPECT_EQ(ask("203.0.113.7:40213", "2026-11-23T10:01:00Z").verdict, Verdict::kCannotSay);
}

}  // namespace
}  // namespace ctflow::nat
