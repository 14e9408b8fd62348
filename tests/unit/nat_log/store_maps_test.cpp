// SPDX-License-Identifier: GPL-2.0-or-later
// The log where what follows a static map has no row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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

const MapEntry kHost2 = map_entry("100.64.0.2", "203.0.113.7", 1024, 3071);
const MapEntry kHost3 = map_entry("100.64.0.3", "203.0.113.7", 1024, 3071);

const Flow kFollows = source_nat(1, "100.64.0.2:5000", "198.51.100.1:443", "203.0.113.7:2000");
const Flow kOtherHost = source_nat(2, "100.64.0.9:5000", "198.51.100.2:443", "203.0.113.7:2000");
const Flow kOtherPort = source_nat(3, "100.64.0.2:5000", "198.51.100.1:443", "203.0.113.7:4000");
const Flow kUdp = source_nat(4, "100.64.0.2:5000", "198.51.100.1:443", "203.0.113.7:2000", 17);

constexpr const char* kWho = "203.0.113.7:2000";

std::vector<std::string> hosts_of(const Answer& answer) {
  std::vector<std::string> all;
  for (const Found& row : answer.found) {
    all.push_back(row.inside_address + (row.from_map ? " map" : " log"));
  }
  return all;
}

class StoreMapsTest : public testing::Test, protected NatLogFixture {
 protected:
  StoreMapsTest() {
    exceptions = true;
    set_maps({kHost2});
    start();
    pass(60s);
    write();
  }

  /// As the kernel says when it began.
  Flow began_now(Flow flow) const {
    flow.present.start = true;
    flow.start = TimePoint(now());
    return flow;
  }
  void settle() {
    pass(60s);
    write();
  }
};

TEST_F(StoreMapsTest, WhatFollowsIsAnsweredWithoutARow) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  settle();
  EXPECT_EQ(store().open(), 0U);
  EXPECT_EQ(store().followed_map(), 1U);
  const Answer answer = ask(kWho, "2026-11-23T10:01:30Z");
  EXPECT_EQ(answer.verdict, Verdict::kOne);
  EXPECT_THAT(hosts_of(answer), ElementsAre("100.64.0.2 map"));
  EXPECT_EQ(answer.found.at(0).began, moment_of(test::at("2026-11-23T10:00:00Z")));
  EXPECT_EQ(answer.found.at(0).ended, std::nullopt);
  end(flow);
  settle();
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:02:30Z")), ElementsAre("100.64.0.2 map"));
}

TEST_F(StoreMapsTest, WhatDoesNotFollowHasARow) {
  begin(kOtherHost);
  begin(kOtherPort);
  begin(kUdp);
  settle();
  EXPECT_EQ(store().open(), 3U);
  EXPECT_EQ(store().followed_map(), 0U);
  const Answer both = ask(kWho, "2026-11-23T10:01:30Z");
  EXPECT_EQ(both.verdict, Verdict::kSeveral);
  EXPECT_THAT(hosts_of(both), ElementsAre("100.64.0.2 map", "100.64.0.9 log"));
  EXPECT_THAT(hosts_of(ask("203.0.113.7:4000", "2026-11-23T10:01:30Z")),
              ElementsAre("100.64.0.2 log"));
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:01:30Z", "", 17)), ElementsAre("100.64.0.2 log"));
}

TEST_F(StoreMapsTest, TheRemoteEndOfARowDecidesAgainstTheMap) {
  destination = true;
  start();
  pass(60s);
  write();
  begin(kOtherHost);
  settle();
  const Answer one = ask(kWho, "2026-11-23T10:02:30Z", "198.51.100.2:443");
  EXPECT_EQ(one.verdict, Verdict::kOne);
  EXPECT_THAT(hosts_of(one), ElementsAre("100.64.0.9 log"));
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:02:30Z", "198.51.100.3:443")),
              ElementsAre("100.64.0.2 map"));
}

TEST_F(StoreMapsTest, PortsOutsideOfTheRangeAreNobodys) {
  for (const char* const who : {"203.0.113.7:1023", "203.0.113.7:3072", "203.0.113.8:2000"}) {
    EXPECT_EQ(ask(who, "2026-11-23T10:00:30Z").verdict, Verdict::kNone) << who;
  }
  EXPECT_EQ(ask(kWho, "2026-11-23T10:00:30Z", "", 17).verdict, Verdict::kNone);
}

TEST_F(StoreMapsTest, BeforeTheHistoryBeginsTheMapSaysNothing) {
  const Answer before = ask(kWho, "2026-11-23T09:00:00Z");
  EXPECT_EQ(before.verdict, Verdict::kCannotSay);
  EXPECT_THAT(before.found, IsEmpty());
}

TEST_F(StoreMapsTest, AConnectionOfBeforeAChangeGetsARow) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  pass(60s);
  write();
  EXPECT_EQ(store().open(), 0U);
  pass(60s);
  table = {flow};
  set_maps({kHost3});
  settle();
  EXPECT_EQ(store().open(), 1U);
  settle();
  const Answer after = ask(kWho, "2026-11-23T10:04:00Z");
  EXPECT_EQ(after.verdict, Verdict::kSeveral);
  EXPECT_THAT(hosts_of(after), ElementsAre("100.64.0.2 log", "100.64.0.3 map"));
  const Answer before = ask(kWho, "2026-11-23T10:01:30Z");
  EXPECT_EQ(before.verdict, Verdict::kOne);
  EXPECT_EQ(before.found.at(0).inside_address, "100.64.0.2");
}

TEST_F(StoreMapsTest, OneThatSpansAChangeAndEndsBeforeTheTableIsReadGetsARow) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  pass(60s);
  write();
  pass(60s);
  set_maps({kHost3});
  pass(1s);
  end(flow);  // the table does not have it any more
  settle();
  settle();
  const Answer between = ask(kWho, "2026-11-23T10:02:50Z");
  EXPECT_THAT(hosts_of(between), ElementsAre("100.64.0.2 log"));
  EXPECT_EQ(between.verdict, Verdict::kOne);
}

TEST_F(StoreMapsTest, WithoutTheKernelsTimesRowsBeginWhereTheMapEnds) {
  begin(kFollows);
  const Flow ends = source_nat(8, "100.64.0.2:7000", "198.51.100.1:443", "203.0.113.7:2005");
  begin(ends);
  write();
  table = {kFollows};
  pass(60s);
  set_maps({kHost3});
  pass(1h);
  end(ends);
  write();
  settle();
  for (const char* const who : {kWho, "203.0.113.7:2005"}) {
    const Answer between = ask(who, "2026-11-23T10:01:30Z");
    EXPECT_THAT(hosts_of(between), ElementsAre("100.64.0.2 log")) << who;
    EXPECT_EQ(between.found.at(0).unsure & unsure::kBegan, unsure::kBegan) << who;
  }
}

TEST_F(StoreMapsTest, OneThatBeganBeforeItsEntryHasARow) {
  set_maps({});
  settle();
  const Flow ends = began_now(kFollows);  // its beginning was lost, and that of the next
  Flow stays = began_now(source_nat(8, "100.64.0.2:7000", "198.51.100.1:443", "203.0.113.7:2005"));
  settle();
  set_maps({kHost2});
  settle();
  end(ends);
  table = {stays};
  hole(HoleReason::kEventsLost);
  pass(60s);
  write();
  settle();
  for (const char* const who : {kWho, "203.0.113.7:2005"}) {
    EXPECT_THAT(hosts_of(ask(who, "2026-11-23T10:02:30Z")), ElementsAre("100.64.0.2 log")) << who;
  }
}

TEST_F(StoreMapsTest, InAHoleAnEntryThatBeganInItDoesNotAnswer) {
  hole(HoleReason::kEventsLost);
  pass(60s);
  set_maps({kHost3});
  pass(60s);
  write();
  settle();
  const Answer within = ask(kWho, "2026-11-23T10:02:30Z");
  EXPECT_EQ(within.verdict, Verdict::kCannotSay);
  EXPECT_THAT(hosts_of(within), ElementsAre("100.64.0.3 map"));
  EXPECT_EQ(ask(kWho, "2026-11-23T10:03:30Z").verdict, Verdict::kOne);
}

TEST_F(StoreMapsTest, WhileARulesetIsReadAllIsStored) {
  maps.state = MapsNow::State::kReading;
  begin(began_now(kFollows));
  settle();
  EXPECT_EQ(store().open(), 1U);
  maps.state = MapsNow::State::kCurrent;
  begin(began_now(source_nat(7, "100.64.0.2:6000", "198.51.100.1:443", "203.0.113.7:2001")));
  settle();
  EXPECT_EQ(store().open(), 1U);
  // The entry was the same before and after, and holds without a break.
  const Answer answer = ask("203.0.113.7:2001", "2026-11-23T10:01:30Z");
  EXPECT_THAT(hosts_of(answer), ElementsAre("100.64.0.2 map"));
}

TEST_F(StoreMapsTest, AnUnreadableRulesetEndsTheMaps) {
  maps.state = MapsNow::State::kUnreadable;
  maps.why = "EPERM";
  begin(began_now(kFollows));
  settle();
  EXPECT_EQ(store().open(), 1U);
  EXPECT_EQ(store().maps_unreadable(), "EPERM");
  settle();
  EXPECT_EQ(ask("203.0.113.7:2001", "2026-11-23T10:02:30Z").verdict, Verdict::kNone);
}

TEST_F(StoreMapsTest, AGapWithTheSameMapBeforeAndAfterIsNoProof) {
  kill();
  pass(600s);
  start();
  settle();
  const Answer gap = ask(kWho, "2026-11-23T10:05:00Z");
  EXPECT_EQ(gap.verdict, Verdict::kCannotSay);
  EXPECT_THAT(gap.holes, SizeIs(1));
  EXPECT_THAT(hosts_of(gap), ElementsAre("100.64.0.2 map"));
  Question question;
  EXPECT_THAT(verdict_text(gap, question),
              HasSubstr("cannot say: it was a port of 100.64.0.2 by the map of the ruleset, which "
                        "was the same before and after"));
  // Of what no map says anything the log cannot say anything.
  EXPECT_EQ(ask("203.0.113.7:5000", "2026-11-23T10:05:00Z").verdict, Verdict::kCannotSay);
}

TEST_F(StoreMapsTest, AGapInWhichTheMapChangedStatesBoth) {
  kill();
  pass(600s);
  set_maps({kHost3});
  start();
  settle();
  const Answer gap = ask(kWho, "2026-11-23T10:05:00Z");
  EXPECT_EQ(gap.verdict, Verdict::kCannotSay);
  EXPECT_THAT(gap.found, IsEmpty());
  ASSERT_THAT(gap.around, SizeIs(2));
  EXPECT_EQ(gap.around[0].inside_address, "100.64.0.2");
  EXPECT_EQ(gap.around[1].inside_address, "100.64.0.3");
  Question question;
  question.at = moment_of(test::at("2026-11-23T10:05:00Z"));
  const std::string text = verdict_text(gap, question);
  EXPECT_THAT(text, HasSubstr("before: 100.64.0.2 had 203.0.113.7:1024-3071 by the map until "
                              "2026-11-23T10:00:59.000Z"));
  EXPECT_THAT(text, HasSubstr("after: 100.64.0.3 had 203.0.113.7:1024-3071 by the map from "
                              "2026-11-23T10:11:00.000Z"));
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:00:30Z")), ElementsAre("100.64.0.2 map"));
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:11:30Z")), ElementsAre("100.64.0.3 map"));
  // At the edge of the gap one of both is seen, but not all that is asked for.
  EXPECT_EQ(ask(kWho, "2026-11-23T10:01:00Z").verdict, Verdict::kCannotSay);
}

TEST_F(StoreMapsTest, AConnectionThatOutlivesAGapAndItsMapGetsARow) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  write();
  pass(10s);
  write();
  kill();
  pass(600s);
  set_maps({kHost3});
  table = {flow};
  start();
  EXPECT_EQ(store().open(), 1U);
  settle();
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:11:50Z")),
              ElementsAre("100.64.0.2 log", "100.64.0.3 map"));
}

TEST_F(StoreMapsTest, ARestartStoresNothingOfWhatFollows) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  write();
  kill();
  pass(600s);
  table = {flow};
  start();
  EXPECT_EQ(store().open(), 0U);
}

TEST_F(StoreMapsTest, WithLogAllTheMapsEndAndAllIsStored) {
  const Flow flow = began_now(kFollows);
  begin(flow);
  write();
  kill();
  pass(600s);
  table = {flow};
  exceptions = false;
  start();
  settle();
  EXPECT_EQ(store().open(), 1U);
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:11:30Z")), ElementsAre("100.64.0.2 log"));
  EXPECT_EQ(ask("203.0.113.7:2001", "2026-11-23T10:11:30Z").verdict, Verdict::kNone);
  EXPECT_EQ(ask("203.0.113.7:2001", "2026-11-23T10:00:30Z").verdict, Verdict::kOne);
}

TEST_F(StoreMapsTest, EachDayHasTheMapsThatHoldOnIt) {
  for (int hour = 0; hour < 50; ++hour) {
    pass(1h);
    write();
  }
  for (const char* const time :
       {"2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T11:00:00Z"}) {
    const Answer answer = ask(kWho, time);
    EXPECT_EQ(answer.verdict, Verdict::kOne) << time;
    ASSERT_THAT(answer.found, SizeIs(1)) << time;
    EXPECT_EQ(answer.found[0].began, moment_of(test::at("2026-11-23T10:00:00Z"))) << time;
  }
  set_maps({});
  settle();
  // Asked for the first day it says when the entry ended on the third.
  const Answer ended = ask(kWho, "2026-11-23T12:00:00Z");
  ASSERT_THAT(ended.found, SizeIs(1));
  EXPECT_EQ(ended.found[0].ended, moment_of(test::at("2026-11-25T12:01:00Z")));
  std::vector<Found> listed;
  for_each_row_of(directory(), test::endpoint("100.64.0.2"),
                  [&](const Found& row) { listed.push_back(row); });
  EXPECT_THAT(listed, SizeIs(1));
}

TEST_F(StoreMapsTest, ForgetsWhatHeldButNotWhatHolds) {
  pass(60s);
  set_maps({kHost3});
  settle();
  const Forgotten once = forget(directory(), test::endpoint("100.64.0.2"));
  EXPECT_EQ(once.entries, 1);
  EXPECT_EQ(once.kept, 0);
  const Answer gone = ask(kWho, "2026-11-23T10:00:30Z");
  EXPECT_EQ(gone.verdict, Verdict::kCannotSay);
  EXPECT_THAT(gone.found, SizeIs(1));
  const Forgotten still = forget(directory(), test::endpoint("100.64.0.3"));
  EXPECT_EQ(still.entries, 0);
  EXPECT_EQ(still.kept, 1);
  settle();
  EXPECT_THAT(hosts_of(ask(kWho, "2026-11-23T10:02:50Z")), ElementsAre("100.64.0.3 map"));
}

TEST_F(StoreMapsTest, AllFormatsSayWhereAnAnswerComesFrom) {
  begin(kOtherHost);
  settle();
  const Answer both = ask(kWho, "2026-11-23T10:01:30Z");
  const std::string table_text = rows_text(both.found, AnswerFormat::kTable);
  EXPECT_THAT(table_text, HasSubstr("203.0.113.7:1024-3071"));
  EXPECT_THAT(table_text, testing::ContainsRegex("100.64.0.2 .*\\(holds\\) +snat  map\n"));
  EXPECT_THAT(table_text, testing::ContainsRegex("100.64.0.9:5000 .*\\(open\\) +snat  log\n"));
  EXPECT_EQ(rows_text(both.found, AnswerFormat::kCsv),
            "protocol,inside_address,inside_port,public_address,public_port,remote_address,"
            "remote_port,began,ended,began_before,end_unknown,nat,zone,source,public_last_port\n"
            "6,100.64.0.2,,203.0.113.7,1024,,,2026-11-23T10:00:00.000Z,,0,0,snat,0,map,3071\n"
            "6,100.64.0.9,5000,203.0.113.7,2000,,,2026-11-23T10:01:00.000Z,,0,0,snat,0,log,\n");
  const auto json = nlohmann::json::parse(rows_text(both.found, AnswerFormat::kJson));
  EXPECT_EQ(json[0]["source"], "map");
  EXPECT_EQ(json[0]["public"]["last_port"], 3071);
  EXPECT_EQ(json[1]["source"], "log");
}

}  // namespace
}  // namespace ctflow::nat
