// SPDX-License-Identifier: GPL-2.0-or-later
// Where something of the log is missing, a row that fits is no proof that it is the only one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::source_nat;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAskedPort = "203.0.113.7:40213";
constexpr const char* kTheirRemote = "198.51.100.1:443";
const Flow kTheirs = source_nat(1, "10.0.0.5:5000", kTheirRemote, kAskedPort);

/// The log begins at 10:00:00, and destinations are in it.
class IncompleteLogTest : public testing::Test, protected test::NatLogFixture {
 protected:
  IncompleteLogTest() { destination = true; }

  void wait(std::chrono::seconds time) {
    pass(time);
    write();
  }
  void begin_and_be_killed() {
    start();
    begin(kTheirs);
    wait(60s);
    kill();
    pass(60s);
    start();
  }
  Verdict verdict(const std::string& time) { return ask(kAskedPort, time, kTheirRemote).verdict; }
};

TEST_F(IncompleteLogTest, RowThatBeganAfterAHoleDoesNotSayWhoWasThereInIt) {
  start();
  wait(60s);
  hole(HoleReason::kQueueFull);
  wait(1s);  // the table is read: it ends
  begin(kTheirs);
  table = {kTheirs};
  wait(60s);
  const Answer answer = ask(kAskedPort, "2026-11-23T10:01:00.500Z", kTheirRemote);
  EXPECT_EQ(answer.found.size(), 1U);
  EXPECT_THAT(answer.holes, testing::SizeIs(1));
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kOne);
}

TEST_F(IncompleteLogTest, RowThatOutlivedTheHoleDecides) {
  table = {kTheirs};
  begin_and_be_killed();
  wait(60s);
  EXPECT_THAT(ask(kAskedPort, "2026-11-23T10:01:30Z", kTheirRemote).holes, testing::SizeIs(1));
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kOne);
}

TEST_F(IncompleteLogTest, RowWhoseEndIsUnknownDoesNotDecide) {
  begin_and_be_killed();
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kCannotSay);  // not yet looked for
  wait(60s);
  const Answer answer = ask(kAskedPort, "2026-11-23T10:01:30Z", kTheirRemote);
  EXPECT_EQ(answer.found.size(), 1U);
  EXPECT_EQ(answer.found.front().unsure, unsure::kEnded);
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
}

// Ends that were missed are known ten seconds after a start.
TEST_F(IncompleteLogTest, RowMayBeOverThatNoStartHasFoundGoneYet) {
  begin_and_be_killed();
  const std::string after_start = "2026-11-23T10:02:02Z";
  wait(5s);
  const Answer soon = ask(kAskedPort, after_start);
  EXPECT_EQ(soon.verdict, Verdict::kCannotSay);
  EXPECT_THAT(
      soon.missing,
      ElementsAre(HasSubstr("which connections had ended before 2026-11-23T10:02:00.000Z")));
  EXPECT_EQ(verdict(after_start), Verdict::kCannotSay);
  for (int start_again = 0; start_again < 2; ++start_again) {
    kill();
    pass(1s);
    start();
    wait(5s);
  }
  EXPECT_EQ(verdict(after_start), Verdict::kCannotSay);
  wait(60s);
  EXPECT_EQ(verdict(after_start), Verdict::kCannotSay);
  EXPECT_EQ(verdict("2026-11-23T10:00:30Z"), Verdict::kOne);
  EXPECT_EQ(verdict("2026-11-23T10:02:30Z"), Verdict::kNone);
}

TEST_F(IncompleteLogTest, RowThatAStartMetIsNotOver) {
  table = {kTheirs};
  begin_and_be_killed();
  wait(5s);
  kill();
  pass(1s);
  start();
  EXPECT_EQ(verdict("2026-11-23T10:02:02Z"), Verdict::kCannotSay);
  wait(15s);
  EXPECT_EQ(verdict("2026-11-23T10:02:02Z"), Verdict::kOne);
  kill();
  pass(60s);
  table.clear();
  start();
  wait(60s);
  EXPECT_EQ(verdict("2026-11-23T10:02:02Z"), Verdict::kOne);
}

// Its process was killed before it knew whether the row's connection had ended in the hole.
TEST_F(IncompleteLogTest, RowDoesNotDecideAboutAHoleThatNoStartHasLookedBehind) {
  begin_and_be_killed();
  wait(5s);
  kill();
  pass(1s);
  start();
  wait(8s);
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kCannotSay);
  wait(60s);
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kCannotSay);
}

TEST_F(IncompleteLogTest, RowThatBeganInALossMayHaveEndedInIt) {
  start();
  wait(60s);
  hole(HoleReason::kEventsLost);
  begin(kTheirs);
  write();  // the table is read, and does not have it any more
  wait(5s);
  EXPECT_EQ(verdict("2026-11-23T10:01:02Z"), Verdict::kCannotSay);
  wait(60s);
  EXPECT_EQ(verdict("2026-11-23T10:01:02Z"), Verdict::kNone);
}

/// Another host has the port since the start.
class OthersAfterAHoleTest : public IncompleteLogTest {
 protected:
  static constexpr const char* kTime = "2026-11-23T10:02:04Z";
  void be_killed_and_begin_another() {
    begin_and_be_killed();
    pass(1s);
    const Flow others = source_nat(2, "10.0.0.6:6000", "198.51.100.2:443", kAskedPort);
    begin(others);
    table = {others};
    wait(5s);
  }
};

TEST_F(OthersAfterAHoleTest, AreNotSeveralWhileTheFirstOneMayBeOver) {
  be_killed_and_begin_another();
  const Answer soon = ask(kAskedPort, kTime);
  EXPECT_EQ(soon.found.size(), 2U);
  EXPECT_EQ(soon.verdict, Verdict::kCannotSay);
  EXPECT_THAT(soon.missing, ElementsAre(HasSubstr("which connections had ended")));
  wait(60s);
  const Answer later = ask(kAskedPort, kTime);
  EXPECT_EQ(later.verdict, Verdict::kOne);
  EXPECT_EQ(later.found.at(0).inside_address, "10.0.0.6");
}

TEST_F(OthersAfterAHoleTest, AreNotSeveralWhereItWasNeverKnown) {
  be_killed_and_begin_another();
  kill();
  pass(1s);
  start();
  wait(60s);
  EXPECT_EQ(ask(kAskedPort, kTime).verdict, Verdict::kCannotSay);
}

TEST_F(OthersAfterAHoleTest, AreSeveralWhereTheFirstOneWasMet) {
  begin_and_be_killed();
  const Flow others = source_nat(2, "10.0.0.6:6000", "198.51.100.2:443", kAskedPort);
  table = {kTheirs};
  start();
  begin(others);
  table = {kTheirs, others};
  wait(60s);
  EXPECT_EQ(ask(kAskedPort, kTime).verdict, Verdict::kSeveral);
}

TEST_F(OthersAfterAHoleTest, AreNotSeveralSinceTheLogWasWritten) {
  start();
  begin(kTheirs);
  begin(source_nat(2, "10.0.0.6:6000", "198.51.100.2:443", kAskedPort));
  wait(60s);
  EXPECT_EQ(ask(kAskedPort, "2026-11-23T10:00:30Z").verdict, Verdict::kSeveral);
  pass(60s);
  EXPECT_EQ(ask(kAskedPort, "2026-11-23T10:01:30Z").verdict, Verdict::kCannotSay);
}

TEST_F(OthersAfterAHoleTest, AreNotSeveralInTheHoleWhereTheFirstOneMayHaveEndedInIt) {
  begin_and_be_killed();
  kill();
  Flow others = source_nat(2, "10.0.0.6:6000", "198.51.100.2:443", kAskedPort);
  others.present.start = true;
  others.start = test::at("2026-11-23T10:01:30Z");
  table = {others};
  start();
  wait(60s);
  const Answer answer = ask(kAskedPort, "2026-11-23T10:01:40Z");
  EXPECT_EQ(answer.found.size(), 2U);
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
}

TEST_F(IncompleteLogTest, OpenRowDoesNotDecideAboutTheTimeSinceTheLogWasWritten) {
  start();
  begin(kTheirs);
  wait(60s);
  pass(600s);
  EXPECT_EQ(verdict("2026-11-23T10:05:00Z"), Verdict::kCannotSay);
  EXPECT_EQ(verdict("2026-11-23T10:00:30Z"), Verdict::kOne);
}

TEST_F(IncompleteLogTest, WhatAFilterLeavesOutMayHaveHadThePortBeforeTheRowBegan) {
  feed.left_out = left_out::kTcp;
  start();
  wait(60s);
  begin(kTheirs);
  wait(60s);
  EXPECT_EQ(verdict("2026-11-23T10:01:00.500Z"), Verdict::kCannotSay);
  EXPECT_EQ(verdict("2026-11-23T10:01:30Z"), Verdict::kOne);
}

/// A connection of the 23rd goes on, another one of the 24th ends soon after midnight.
class DaysBeforeTest : public IncompleteLogTest {
 protected:
  static constexpr const char* kOtherPort = "203.0.113.7:1024";
  static constexpr const char* kMiddle = "nat-20261124.sqlite";

  void write_days() {
    const Flow long_one = source_nat(2, "10.0.0.6:6000", kTheirRemote, kOtherPort);
    start();
    wait(60s);
    begin(long_one);
    wait(60s);
    set_day("2026-11-24T23:59:00Z");
    begin(kTheirs);
    wait(59s);
    pass(61s);
    end(kTheirs);
    wait(60s);
    end(long_one);
    wait(60s);
  }
  void set_day(const char* to) {
    pass(test::at(to) - TimePoint(now()));
    write();
  }
  [[nodiscard]] std::string path(const char* file) const { return directory() + "/" + file; }
};

TEST_F(DaysBeforeTest, AreAllNeeded) {
  write_days();
  const std::string time = "2026-11-25T00:00:20Z";
  EXPECT_EQ(ask(kAskedPort, time).verdict, Verdict::kOne);
  std::filesystem::remove(path(kMiddle));
  const Answer gone = ask(kAskedPort, time);
  EXPECT_EQ(gone.verdict, Verdict::kCannotSay);
  EXPECT_THAT(gone.missing, ElementsAre(HasSubstr(kMiddle)));
  std::ofstream(path(kMiddle)).flush();
  const Answer empty = ask(kAskedPort, time);
  EXPECT_EQ(empty.verdict, Verdict::kCannotSay);
  EXPECT_THAT(empty.missing, ElementsAre(HasSubstr(kMiddle)));
}

TEST_F(DaysBeforeTest, HaveNoFileWhereNothingRan) {
  const Flow long_one = source_nat(2, "10.0.0.6:6000", kTheirRemote, kOtherPort);
  table = {long_one};
  start();
  begin(long_one);
  wait(60s);
  kill();
  pass(48h);
  start();
  wait(60s);
  ASSERT_FALSE(std::filesystem::exists(path(kMiddle)));
  const Answer answer = ask(kAskedPort, "2026-11-25T10:01:30Z");
  EXPECT_THAT(answer.missing, IsEmpty());
  EXPECT_EQ(answer.verdict, Verdict::kNone);
}

}  // namespace
}  // namespace ctflow::nat
