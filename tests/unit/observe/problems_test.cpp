// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
