// SPDX-License-Identifier: GPL-2.0-or-later
// Connections that the kernel does not say the end of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nat_log/store.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::NatLogFixture;
using test::source_nat;
using testing::ElementsAre;
using testing::IsEmpty;

const Flow kOld = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", "203.0.113.7:40213");
const Flow kNew = source_nat(2, "10.0.0.6:5000", "198.51.100.2:443", "203.0.113.7:40214");
constexpr const char* kPublicOfOld = "203.0.113.7:40213";
constexpr const char* kPublicOfNew = "203.0.113.7:40214";

class SilentEndsTest : public testing::Test, protected NatLogFixture {
 protected:
  /// Commits once a second.
  void run(std::chrono::seconds time) {
    for (; time > 0s; time -= 1s) {
      pass(1s);
      write();
    }
  }

  Verdict verdict(const std::string& who, const std::string& time) {
    return ask(who, time).verdict;
  }
};

TEST_F(SilentEndsTest, OfAConnectionOfBeforeTheStartIsFoundWithinAMinute) {
  table = {kOld};
  start();
  run(61s);
  table.clear();  // no event says so
  run(59s);
  EXPECT_EQ(store().open(), 1U);
  run(12s);
  EXPECT_EQ(store().open(), 0U);
  run(60s);
  EXPECT_EQ(verdict(kPublicOfOld, "2026-11-23T10:00:30Z"), Verdict::kOne);
  EXPECT_EQ(verdict(kPublicOfOld, "2026-11-23T10:02:10Z"), Verdict::kNone);
  const Found row = ask(kPublicOfOld, "2026-11-23T10:01:30Z").found.at(0);
  EXPECT_EQ(row.unsure & unsure::kEnded, unsure::kEnded);
  EXPECT_LE(*row.ended, moment_of(test::at("2026-11-23T10:02:01Z")));
}

TEST_F(SilentEndsTest, OfAConnectionThatAnEarlierProcessLeftIsFound) {
  table = {kOld};
  start();
  run(5s);
  kill();
  start();
  run(30s);
  table.clear();
  run(90s);
  EXPECT_EQ(store().open(), 0U);
}

TEST_F(SilentEndsTest, AreNotLookedForWhereEveryBeginningWasHeardOf) {
  start();
  begin(kNew);
  run(300s);
  EXPECT_EQ(readings, 1);
  table = {kOld, kNew};
  hole(HoleReason::kEventsLost);
  run(1s);
  EXPECT_EQ(readings, 2);
  begin(kOld);  // that event was late
  run(300s);
  EXPECT_EQ(readings, 2);
}

TEST_F(SilentEndsTest, AreNoneWhereEndsComeAsRecords) {
  feed.every_end = true;
  table = {kOld};
  start();
  run(300s);
  EXPECT_EQ(readings, 1);
}

TEST_F(SilentEndsTest, AreLookedForInAHundredthOfTheTime) {
  table = {kOld};
  reading_takes = 3s;
  start();
  run(290s);
  EXPECT_EQ(readings, 1);
  run(20s);
  EXPECT_EQ(readings, 2);
}

TEST_F(SilentEndsTest, ALookFindsOnlyThoseThatMayBeSilent) {
  table = {kOld, kNew};
  start();
  run(1s);
  end(kNew);
  begin(kNew);  // and is not met: its end comes with an event
  table = {kOld};
  run(120s);
  EXPECT_EQ(store().open(), 2U);
}

TEST_F(SilentEndsTest, ThatAScanFoundAreFoundAtOnce) {
  table = {kOld};
  start();
  begin(kNew);
  run(20s);
  table.clear();
  tell(NatEvent::Kind::kVanished);
  run(12s);
  EXPECT_EQ(store().open(), 0U);
  run(2s);
  EXPECT_EQ(verdict(kPublicOfOld, "2026-11-23T10:00:30Z"), Verdict::kNone);
  EXPECT_EQ(verdict(kPublicOfNew, "2026-11-23T10:00:30Z"), Verdict::kNone);
  EXPECT_THAT(ask(kPublicOfNew, "2026-11-23T10:00:30Z").holes, IsEmpty());
}

TEST_F(SilentEndsTest, AreFoundAlthoughScansFindOthersAllTheTime) {
  table = {kOld};
  start();
  run(20s);
  table.clear();
  for (int i = 0; i < 30; ++i) {
    tell(NatEvent::Kind::kVanished);
    run(1s);
  }
  EXPECT_EQ(store().open(), 0U);
}

TEST_F(SilentEndsTest, AreUndoneWithWhatCouldNotBeWritten) {
  OpenTranslations open;
  open.add(1, {Moment(), Day(), true});
  open.keep();
  open.announce(1);
  EXPECT_EQ(open.unannounced(), 0U);
  open.undo();
  EXPECT_EQ(open.unannounced(), 1U);
  open.remove(1);
  EXPECT_EQ(open.unannounced(), 0U);
  open.undo();
  EXPECT_EQ(open.unannounced(), 1U);
  EXPECT_EQ(open.size(), 1U);
}

TEST_F(SilentEndsTest, WithoutEventsTheLogHasAHoleUntilTheyAreOnAndTheTableWasRead) {
  start();
  run(60s);
  hole(HoleReason::kEventsOff);
  run(120s);
  EXPECT_GT(readings, 2);
  table = {kOld};
  run(61s);
  EXPECT_EQ(store().open(), 1U) << "meanwhile what exists has a row, too";
  EXPECT_EQ(verdict(kPublicOfNew, "2026-11-23T10:03:30Z"), Verdict::kCannotSay);
  tell(NatEvent::Kind::kEventsOn);
  run(12s);
  const auto holes = ask(kPublicOfNew, "2026-11-23T10:03:30Z").holes;
  ASSERT_EQ(holes.size(), 1U);
  EXPECT_EQ(holes[0].reason, "events_off");
  EXPECT_EQ(holes[0].began, moment_of(test::at("2026-11-23T10:01:00Z")));
  EXPECT_TRUE(holes[0].ended.has_value());
  run(10s);
  EXPECT_EQ(verdict(kPublicOfNew, "2026-11-23T10:04:20Z"), Verdict::kNone);
  EXPECT_EQ(verdict(kPublicOfOld, "2026-11-23T10:04:20Z"), Verdict::kOne);
}

TEST_F(SilentEndsTest, WithoutEventsTheHoleGoesOnOverMidnight) {
  start();
  run(60s);
  hole(HoleReason::kEventsOff);
  write();
  pass(14h);
  run(5s);
  EXPECT_EQ(verdict(kPublicOfNew, "2026-11-24T00:01:02Z"), Verdict::kCannotSay);
}

}  // namespace
}  // namespace ctflow::nat
