// SPDX-License-Identifier: GPL-2.0-or-later
// The log where what follows a static map has no row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

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

TEST_F(StoreMapsTest, AnUnreadableTableStopsTheLogWhereAMapChanged) {
  table_error = std::make_error_code(std::errc::io_error);
  set_maps({kHost3});
  pass(60s);
  EXPECT_THROW(write(), std::system_error);
  EXPECT_EQ(store().maps().size(), 1U);
  table_error = {};
  table = {began_now(kFollows)};
  settle();
  EXPECT_EQ(store().open(), 1U);
}

TEST_F(StoreMapsTest, AGapWithTheSameMapBeforeAndAfterIsAnsweredByIt) {
  kill();
  pass(600s);
  start();
  settle();
  const Answer gap = ask(kWho, "2026-11-23T10:05:00Z");
  EXPECT_EQ(gap.verdict, Verdict::kOne);
  EXPECT_THAT(gap.holes, SizeIs(1));
  EXPECT_THAT(hosts_of(gap), ElementsAre("100.64.0.2 map"));
  Question question;
  EXPECT_THAT(verdict_text(gap, question), HasSubstr("which was the same before and after"));
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

/// What really was, written down beside the log.
struct Truth {
  Flow flow;
  std::string inside;
  std::string as;
  Moment began;
  std::optional<Moment> ended{};
};

/// Whatever happens, and whenever the change of a map is noticed: who had a port is in the answer,
/// or the answer is that the log cannot say.
class MapsWitness : public testing::Test, protected NatLogFixture {
 protected:
  explicit MapsWitness() : seed_(std::random_device()()), random_(seed_) {
    exceptions = true;
    change();
    start();
  }

  unsigned number(unsigned most) { return static_cast<unsigned>(random_() % (most + 1)); }

  void change() {
    ruleset_.clear();
    std::vector<unsigned> order{2, 3, 4, 5};
    std::shuffle(order.begin(), order.end(), random_);
    for (unsigned i = 0; i < number(4); ++i) {
      ruleset_.push_back(map_entry("100.64.0." + std::to_string(order[i]), "203.0.113.7",
                                   static_cast<std::uint16_t>(1000 + i * 10),
                                   static_cast<std::uint16_t>(1009 + i * 10)));
    }
    if (number(2) > 0) set_maps(ruleset_);  // else nobody notices yet
  }

  void connect() {
    Truth one;
    one.inside = "100.64.0." + std::to_string(2 + number(3));
    // Mostly as the ruleset says, which the log may know or not.
    unsigned port = 1000 + number(39);
    for (const MapEntry& entry : ruleset_) {
      if (number(9) > 0 && entry.inside == test::endpoint(one.inside).address) {
        port = entry.first_port + number(9);
      }
    }
    one.as = "203.0.113.7:" + std::to_string(port);
    ++ids_;
    one.flow = source_nat(ids_, one.inside + ":5000",
                          "198.51.100.1:" + std::to_string(1 + ids_ % 60000), one.as);
    one.flow.present.start = number(9) > 0;
    if (one.flow.present.start) one.flow.start = TimePoint(now());
    one.began = now();
    begin(one.flow);
    table.push_back(one.flow);
    truth_.push_back(one);
  }

  void disconnect() {
    if (table.empty()) return;
    const std::size_t which = number(static_cast<unsigned>(table.size() - 1));
    const Flow flow = table[which];
    table.erase(table.begin() + static_cast<std::ptrdiff_t>(which));
    for (Truth& one : truth_) {
      if (one.flow.id == flow.id) one.ended = now();
    }
    end(flow);
  }

  void step() {
    pass(std::chrono::milliseconds(1 + number(3000)));
    const unsigned what = number(99);
    if (what < 45) {
      connect();
    } else if (what < 75) {
      disconnect();
    } else if (what < 92) {
      write();
    } else if (what < 95) {
      change();
    } else if (what < 97) {
      maps.state = static_cast<MapsNow::State>(number(2));
    } else if (what < 98) {
      maps.state = MapsNow::State::kCurrent;
      set_maps(ruleset_);
    } else if (what < 99) {
      pass(std::chrono::hours(number(13)));
      write();
    } else {
      restart();
    }
  }

  void restart() {
    forget_events();
    kill();
    for (unsigned i = 0; i < number(3); ++i) {
      pass(20s);
      if (number(1) > 0) change();
      disconnect();
    }
    forget_events();
    start();
  }

  void check() {
    const Moment from = moment_of(test::at("2026-11-23T10:00:00Z"));
    for (int i = 0; i < 400; ++i) {
      const Moment at = from + std::chrono::milliseconds(
                                   random_() % static_cast<unsigned long>((now() - from).count()));
      const std::string who = "203.0.113.7:" + std::to_string(1000 + number(39));
      ask_and_compare(who, at);
    }
  }

  void ask_and_compare(const std::string& who, Moment at) {
    Question question;
    question.who = test::endpoint(who);
    question.at = at;
    question.protocol = 6;
    question.tolerance = 0ms;
    question.now = now();
    const Answer answer = look_up(directory(), question);
    std::set<std::string> said;
    for (const Found& row : answer.found) {
      said.insert(row.inside_address);
      by_map_ += row.from_map ? 1U : 0U;
      by_log_ += row.from_map ? 0U : 1U;
    }
    if (answer.verdict == Verdict::kCannotSay) return;
    if (!answer.holes.empty()) return;  // by the map alone: what did not follow it may be missing
    ++sure_;
    for (const Truth& one : truth_) {
      if (one.as != who || one.began > at || (one.ended && *one.ended < at)) continue;
      ++met_;
      EXPECT_EQ(said.count(one.inside), 1U)
          << "seed " << seed_ << ": " << one.inside << " had " << who << " at " << time_text(at)
          << ", since " << time_text(one.began) << ", " << verdict_text(answer, question)
          << rows_text(answer.found, AnswerFormat::kTable);
    }
    // What the log has rows of did happen.
    for (const Found& row : answer.found) {
      if (row.from_map) continue;
      const bool known = std::any_of(truth_.begin(), truth_.end(), [&](const Truth& one) {
        return one.as == who && one.inside == row.inside_address;
      });
      EXPECT_TRUE(known) << "seed " << seed_ << " " << who << " " << row.inside_address;
    }
  }

  unsigned seed_;
  std::mt19937 random_;
  std::vector<MapEntry> ruleset_;
  std::vector<Truth> truth_;
  std::uint32_t ids_ = 0;
  std::size_t sure_ = 0;
  std::size_t met_ = 0;
  std::size_t by_map_ = 0;
  std::size_t by_log_ = 0;
};

TEST_F(MapsWitness, WhoHadAPortIsInTheAnswer) {
  for (int i = 0; i < 3000; ++i) step();
  maps.state = MapsNow::State::kCurrent;
  for (int i = 0; i < 3; ++i) {
    pass(20s);
    write();
  }
  check();
  EXPECT_GT(store().followed_map() + by_map_, 0U) << "seed " << seed_;
  EXPECT_GT(sure_, 0U) << "seed " << seed_;
}

}  // namespace
}  // namespace ctflow::nat
