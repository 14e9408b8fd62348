// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names(const Status& status) {
  std::vector<std::string> found;
  for (const Finding& one : find_problems(status)) {
    EXPECT_FALSE(one.impact.empty());
    EXPECT_FALSE(one.fix.empty());
    found.push_back(one.name);
  }
  return found;
}

std::vector<std::string> impacts(const Status& status) {
  std::vector<std::string> found;
  for (const Finding& one : find_problems(status)) found.push_back(one.impact);
  return found;
}

class ProblemsTest : public testing::Test {
 protected:
  Status status_ = test::sample_status();
  NamespaceStatus& home_ = status_.namespaces[0];
  OutputStatus& output_ = home_.outputs[0];
};

TEST_F(ProblemsTest, AreNoneWhenAllIsWell) { EXPECT_THAT(names(status_), IsEmpty()); }

TEST_F(ProblemsTest, AreRecentLossesOnly) {
  home_.last_overrun = seconds(299);
  home_.last_no_counters = seconds(0);
  home_.last_fall = seconds(10);
  EXPECT_THAT(names(status_), ElementsAre("events_lost", "no_counters", "counters_fell"));
  home_.last_overrun = seconds(301);
  home_.last_no_counters = seconds(301);
  home_.last_fall = seconds(301);
  EXPECT_THAT(names(status_), IsEmpty());
}

TEST_F(ProblemsTest, GroupDigits) {
  home_.last_overrun = home_.last_no_counters = home_.last_fall = seconds(7);
  home_.source.lost_overrun = 1'234'560;
  home_.source.lost_ends = 7;
  home_.pipeline.lost_no_counters = 14'020;
  home_.source.counters_fell = 2000;
  home_.source.fallen_packets = 30'000;
  home_.source.ended_empty = 0;
  home_.kernel.queue = {};
  home_.kernel.queue.limit = 8'388'608;
  home_.kernel.queue.used = 4'194'305;
  EXPECT_THAT(
      impacts(status_),
      ElementsAre(
          "the kernel dropped 1 234 567 events, the last 7 s ago: their connections are not "
          "exported, or lack what came after the previous report",
          "14 020 flow reports had no counters, the last 7 s ago: they are not exported",
          "another program set the counters of 2 000 connections to zero, the last 7 s ago: "
          "what was counted since their previous report is not exported (at least 30 000 "
          "packets; 0 connections were removed without a packet)",
          "4 194 305 of 8 388 608 octets of the receive buffer are in use: events are lost "
          "when it is full"));
}

TEST_F(ProblemsTest, SpeakOfOne) {
  home_.last_overrun = home_.last_no_counters = home_.last_fall = seconds(7);
  home_.source.lost_overrun = 1;
  home_.source.lost_ends = 0;
  home_.pipeline.lost_no_counters = 1;
  home_.source.counters_fell = 1;
  home_.source.fallen_packets = 1;
  home_.source.ended_empty = 1;
  EXPECT_THAT(
      impacts(status_),
      ElementsAre(
          "the kernel dropped 1 event, the last 7 s ago: its connection is not exported, or "
          "lacks what came after the previous report",
          "1 flow report had no counters, the last 7 s ago: it is not exported",
          "another program set the counters of 1 connection to zero, the last 7 s ago: what "
          "was counted since its previous report is not exported (at least 1 packet; 1 "
          "connection was removed without a packet)"));
}

TEST_F(ProblemsTest, CountTranslationsThatWereNotLogged) {
  output_.details = NatLogStatus{};
  output_.last_loss = seconds(7);
  output_.counters = {};
  output_.counters.lost_would_block = 14'020;
  EXPECT_THAT(
      impacts(status_),
      ElementsAre("14 020 beginnings and ends of translations were not logged, the last 7 s "
                  "ago: look-ups cannot say who used a port then"));
  output_.counters.lost_would_block = 1;
  EXPECT_THAT(
      impacts(status_),
      ElementsAre(testing::HasSubstr("1 beginning or end of a translation was not logged")));
}

TEST_F(ProblemsTest, NameEventsThatAreOff) {
  home_.events_off = true;
  EXPECT_THAT(names(status_), ElementsAre("events_off"));
  EXPECT_EQ(find_problems(status_)[0].fix, "sysctl -w net.netfilter.nf_conntrack_events=1");
}

TEST_F(ProblemsTest, NameWhoMaySetCountersToZero) {
  home_.last_fall = seconds(10);
  EXPECT_THAT(find_problems(status_)[0].impact, testing::Not(testing::HasSubstr("seen")));
  home_.kernel.resetters.hidden = true;
  EXPECT_THAT(find_problems(status_)[0].impact, testing::HasSubstr("not seen from here"));
  EXPECT_THAT(find_problems(status_)[0].fix, testing::HasSubstr("doctor as root"));
  home_.kernel.resetters.programs = {"conntrack", "nlbwmon"};
  EXPECT_THAT(find_problems(status_)[0].impact, testing::HasSubstr("; seen: conntrack, nlbwmon"));
}

TEST_F(ProblemsTest, FollowTheFillOfBuffersAndTables) {
  home_.kernel.queue.used = home_.kernel.queue.limit / 2;
  home_.table_entries = 89;
  home_.kernel.reported = {9, 10, 640};
  EXPECT_THAT(names(status_), IsEmpty());
  ++home_.kernel.queue.used;
  ++home_.table_entries;
  ++home_.kernel.reported.connections;
  EXPECT_THAT(names(status_),
              ElementsAre("queue_filling", "table_nearly_full", "live_connections_full"));
}

TEST_F(ProblemsTest, NameTheCollector) {
  output_.last_loss = seconds(1);
  EXPECT_THAT(names(status_), ElementsAre("collector_lossy"));
  EXPECT_EQ(find_problems(status_)[0].subject, "main");
}

TEST_F(ProblemsTest, NameAReloadThatFailed) {
  status_.reloads.last_succeeded = false;
  status_.reloads.last_error = "x.yaml:1:1: colour";
  ASSERT_THAT(names(status_), ElementsAre("reload_failed"));
  EXPECT_THAT(find_problems(status_)[0].impact, testing::HasSubstr("x.yaml:1:1: colour"));
}

TEST_F(ProblemsTest, NameTimeoutsThatCannotBeRead) {
  home_.kernel.timeouts = TimeoutKnowledge::kRead;
  EXPECT_THAT(names(status_), IsEmpty());
  for (const auto knowledge : {TimeoutKnowledge::kKept, TimeoutKnowledge::kNeverRead}) {
    home_.kernel.timeouts = knowledge;
    EXPECT_THAT(names(status_), ElementsAre("timeouts_unreadable"));
  }
}

TEST_F(ProblemsTest, NameADatabaseThatCannotBeUsed) {
  DatabaseStatus& database = status_.databases.emplace_back();
  database.setting = "as_database";
  EXPECT_THAT(names(status_), IsEmpty());
  database.error = "/x.mmdb: No such file or directory";
  ASSERT_THAT(names(status_), ElementsAre("database_unusable"));
  EXPECT_EQ(find_problems(status_)[0].subject, "as_database");
  EXPECT_EQ(find_problems(status_)[0].impact,
            "/x.mmdb: No such file or directory; what it is to say is exported as unknown");
  database.type = "GeoLite2-ASN";
  EXPECT_EQ(find_problems(status_)[0].impact,
            "/x.mmdb: No such file or directory; the one before stays in use");
}

TEST_F(ProblemsTest, NameWhatEndsEachKindOfFailureOfADatabase) {
  output_.connected = false;
  for (int i = 0; i < 2; ++i) {
    if (i == 0) output_.details = NatLogStatus{};
    if (i == 1) output_.details = AccountingStatus{};
    std::set<std::string> fixes;
    const auto fix_of = [&](FailureKind kind) {
      output_.last_failure.kind = kind;
      const auto found = find_problems(status_);
      EXPECT_EQ(found.size(), 1U);
      fixes.insert(found[0].fix);
      return found[0].fix;
    };
    EXPECT_THAT(fix_of(FailureKind::kDiskFull), testing::HasSubstr("make room"));
    EXPECT_THAT(fix_of(FailureKind::kReadOnly), testing::HasSubstr("mount"));
    EXPECT_THAT(fix_of(FailureKind::kNoAccess), testing::HasSubstr("user"));
    EXPECT_THAT(fix_of(FailureKind::kInUse), testing::HasSubstr("fuser"));
    EXPECT_THAT(fix_of(FailureKind::kDamaged), testing::HasSubstr("move the file"));
    EXPECT_THAT(fix_of(FailureKind::kFile), testing::HasSubstr("see the error"));
    EXPECT_EQ(fixes.size(), 6U);
  }
}

TEST_F(ProblemsTest, NameWhatIsConfiguredAndDoesNotExistYet) {
  status_.missing_namespaces = {{"red", "/run/netns/red: No such file or directory"}};
  ASSERT_THAT(names(status_), ElementsAre("namespace_missing"));
  EXPECT_EQ(find_problems(status_)[0].subject, "red");
  EXPECT_THAT(find_problems(status_)[0].impact, testing::HasSubstr("No such file"));
  status_.listen_error = "status.listen: 192.0.2.1:9995: Cannot assign requested address";
  ASSERT_THAT(names(status_), ElementsAre("namespace_missing", "status_listen_unavailable"));
}

}  // namespace
}  // namespace ctflow
