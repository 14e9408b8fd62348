// SPDX-License-Identifier: GPL-2.0-or-later
// The log where it is not sure for a time that a static map holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nat_log/answer_text.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::map_entry;
using test::NatLogFixture;
using test::source_nat;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kPort = "203.0.113.7:2000";
constexpr const char* kNextPort = "203.0.113.7:2001";

/// At 10:00 port 2000 belongs to 100.64.0.2, and it is 10:01.
class MapsUnsureTest : public testing::Test, protected NatLogFixture {
 protected:
  MapsUnsureTest() {
    exceptions = true;
    set_maps({former_});
    start();
    settle();
  }

  static Flow follower(std::uint32_t id, const char* as) {
    return source_nat(id, "100.64.0.2:5000", "198.51.100.1:443", as);
  }
  Flow begins_now(std::uint32_t id, const char* as) const {
    Flow flow = follower(id, as);
    flow.present.start = true;
    flow.start = TimePoint(now());
    return flow;
  }
  void settle() {
    pass(60s);
    write();
  }
  std::vector<std::string> said(const char* who, const std::string& time) {
    std::vector<std::string> all;
    for (const Found& row : ask(who, time).found) {
      all.push_back(row.inside_address + (row.from_map ? " map" : " log"));
    }
    return all;
  }

  const MapEntry former_ = map_entry("100.64.0.2", "203.0.113.7", 1024, 3071);
  const MapEntry later_ = map_entry("100.64.0.3", "203.0.113.7", 1024, 3071);
};

TEST_F(MapsUnsureTest, AnEntryThatCouldNotBeReadOnceHoldsAgain) {
  maps.state = MapsNow::State::kUnreadable;
  settle();
  maps.state = MapsNow::State::kCurrent;  // the same reading as before
  settle();
  const Flow flow = begins_now(1, kPort);
  begin(flow);
  pass(10s);
  end(flow);
  settle();
  EXPECT_EQ(store().followed_map(), 1U);
  EXPECT_EQ(ask(kPort, "2026-11-23T10:03:05Z").verdict, Verdict::kOne);
  EXPECT_THAT(said(kPort, "2026-11-23T10:03:05Z"), ElementsAre("100.64.0.2 map"));
}

TEST_F(MapsUnsureTest, WithTheSameBeginAnEntryThatEndedIsOpenAgain) {
  DayFile file(directory(), day_of(now()) + std::chrono::days(1));
  file.maps().insert(former_, now());
  file.maps().end(former_, now() + 1s);
  file.maps().insert(former_, now());
  int open = 0;
  file.maps().for_each_open([&](const MapEntry&, Moment) { ++open; });
  EXPECT_EQ(open, 1);
}

TEST_F(MapsUnsureTest, ARowOfWhileTheRulesetIsReadBeginsWhereTheMapWasSureLast) {
  const Flow ends = follower(1, kPort);
  const Flow stays = follower(2, kNextPort);
  begin(ends);
  begin(stays);
  settle();
  EXPECT_EQ(store().open(), 0U);
  maps.state = MapsNow::State::kReading;
  settle();
  pass(60s);
  end(ends);
  table = {stays};
  hole(HoleReason::kEventsLost);
  write();
  set_maps({later_});
  settle();
  for (const char* const who : {kPort, kNextPort}) {
    EXPECT_THAT(said(who, "2026-11-23T10:02:30Z"), ElementsAre("100.64.0.2 log")) << who;
  }
}

TEST_F(MapsUnsureTest, AClockThatWentForwardMakesNoEntryOlder) {
  set_clock("2026-11-26T10:00:00Z");
  settle();
  settle();
  EXPECT_THAT(said(kPort, "2026-11-23T10:00:30Z"), ElementsAre("100.64.0.2 map"));
  EXPECT_THAT(said(kPort, "2026-11-26T09:00:00Z"), IsEmpty());
  EXPECT_THAT(said(kPort, "2026-11-26T10:01:30Z"), ElementsAre("100.64.0.2 map"));
}

TEST_F(MapsUnsureTest, AfterAClockThatWentBackAnEntryHoldsFromThenOn) {
  set_clock("2026-11-20T10:00:00Z");
  settle();
  begin(begins_now(1, kPort));
  settle();
  EXPECT_EQ(store().followed_map(), 1U);
  EXPECT_THAT(said(kPort, "2026-11-20T10:01:30Z"), ElementsAre("100.64.0.2 map"));
  EXPECT_THAT(said(kPort, "2026-11-20T09:00:00Z"), IsEmpty());
}

TEST_F(MapsUnsureTest, InADayThatIsEnteredAgainNoEntryStaysOpen) {
  for (int hour = 0; hour < 15; ++hour) {
    pass(1h);
    write();
  }
  kill();
  set_clock("2026-11-23T20:00:00Z");
  set_maps({});
  start();
  for (int hour = 0; hour < 7; ++hour) {
    pass(1h);
    write();
  }
  EXPECT_THAT(said(kPort, "2026-11-24T00:30:00Z"), ElementsAre("100.64.0.2 map"));
  EXPECT_THAT(said(kPort, "2026-11-24T02:30:00Z"), IsEmpty());
}

TEST_F(MapsUnsureTest, WhileAChangeIsReadTheFormerMapDoesNotAnswer) {
  settle();
  maps.state = MapsNow::State::kReading;
  settle();
  settle();
  const Answer within = ask(kPort, "2026-11-23T10:03:00Z");
  EXPECT_EQ(within.verdict, Verdict::kCannotSay);
  EXPECT_THAT(within.found, IsEmpty());
  EXPECT_THAT(within.missing, ElementsAre(HasSubstr("the ruleset changed after "
                                                    "2026-11-23T10:02:00.000Z")));
  EXPECT_EQ(ask(kPort, "2026-11-23T10:01:30Z").verdict, Verdict::kOne);
  maps.state = MapsNow::State::kCurrent;  // the change was of something else
  settle();
  EXPECT_EQ(ask(kPort, "2026-11-23T10:03:00Z").verdict, Verdict::kOne);
}

TEST_F(MapsUnsureTest, OnADayThatBeganWhileAChangeIsReadTheFormerMapDoesNotAnswer) {
  maps.state = MapsNow::State::kReading;
  pass(14h);
  write();
  EXPECT_EQ(ask(kPort, "2026-11-24T00:00:50Z").verdict, Verdict::kCannotSay);
}

TEST_F(MapsUnsureTest, AfterACrashWhileAChangeWasReadTheFormerMapEndedBeforeIt) {
  settle();
  maps.state = MapsNow::State::kReading;
  settle();
  settle();
  kill();
  pass(60s);
  set_maps({later_});
  start();
  settle();
  EXPECT_THAT(said(kPort, "2026-11-23T10:03:00Z"), IsEmpty());
  // What followed the former map and ended while ctflowd did not run is missing since then.
  EXPECT_EQ(ask(kPort, "2026-11-23T10:03:00Z").verdict, Verdict::kCannotSay);
  EXPECT_EQ(ask(kPort, "2026-11-23T10:01:30Z").verdict, Verdict::kOne);
}

TEST_F(MapsUnsureTest, AnUnreadableTableIsAHoleFromWhereTheMapWasSureLast) {
  const Flow stays = begins_now(1, kPort);
  begin(stays);
  settle();
  table_error = std::make_error_code(std::errc::io_error);
  set_maps({later_});
  settle();
  begin(begins_now(2, "203.0.113.7:9000"));
  settle();
  EXPECT_EQ(store().open(), 1U) << "the log goes on";
  const Answer within = ask(kPort, "2026-11-23T10:02:30Z");
  EXPECT_EQ(within.verdict, Verdict::kCannotSay);
  ASSERT_THAT(within.holes, SizeIs(1));
  EXPECT_EQ(within.holes[0].reason, "table_unreadable");
  EXPECT_EQ(within.holes[0].began, moment_of(test::at("2026-11-23T10:02:00Z")));
  table_error = {};
  table = {stays};
  settle();
  settle();
  EXPECT_THAT(said(kPort, "2026-11-23T10:05:30Z"), ElementsAre("100.64.0.2 log", "100.64.0.3 map"));
  EXPECT_THAT(ask(kPort, "2026-11-23T10:05:30Z").holes, IsEmpty());
}

TEST_F(MapsUnsureTest, AForgottenEntryOfSeveralDaysIsOne) {
  for (int hour = 0; hour < 50; ++hour) {
    pass(1h);
    write();
  }
  EXPECT_EQ(forget(directory(), test::endpoint("100.64.0.2")).kept, 1);
  const Answer answer = ask(kPort, "2026-11-23T12:00:00Z");
  EXPECT_EQ(answer.verdict, Verdict::kCannotSay);
  EXPECT_THAT(said(kPort, "2026-11-23T12:00:00Z"), ElementsAre(" map"));
  EXPECT_THAT(said(kPort, "2026-11-25T11:00:00Z"), ElementsAre("100.64.0.2 map"));
}

}  // namespace
}  // namespace ctflow::nat
