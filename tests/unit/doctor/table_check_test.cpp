// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/table_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "extras/find_extras.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TableCheckTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> names;
    for (const Finding& one :
         check_table(config_, find_capabilities(config_, settings_.path()), settings_.path()))
      names.push_back(one.name);
    return names;
  }

  test::SettingsDirectory settings_;
  SourceConfig config_;
};

TEST_F(TableCheckTest, FindsNothingWhereNothingIsKnown) { EXPECT_THAT(events(), IsEmpty()); }

TEST_F(TableCheckTest, FindsATableThatIsNearlyFull) {
  settings_.set("nf_conntrack_max", "1000\n");
  settings_.set("nf_conntrack_count", "899\n");
  EXPECT_THAT(events(), IsEmpty());
  settings_.set("nf_conntrack_count", "900\n");
  ASSERT_THAT(events(), ElementsAre("table_nearly_full"));
  EXPECT_THAT(
      check_table(config_, find_capabilities(config_, settings_.path()), settings_.path())[0].fix,
      HasSubstr("nf_conntrack_max=2000"));
}

TEST_F(TableCheckTest, FindsLongTimeoutsOnlyWithoutReports) {
  settings_.set("nf_conntrack_tcp_timeout_established", "432000\n");
  EXPECT_THAT(events(), IsEmpty());
  config_.active_timeout = std::chrono::seconds(0);
  ASSERT_THAT(events(), ElementsAre("timeouts_late"));
  EXPECT_THAT(
      check_table(config_, find_capabilities(config_, settings_.path()), settings_.path())[0]
          .impact,
      HasSubstr("120 h"));
  settings_.set("nf_conntrack_tcp_timeout_established", "3600\n");
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(TableCheckTest, LeavesReportsToAPatchedKernel) {
  config_.active_timeout = std::chrono::seconds(0);
  settings_.set("nf_conntrack_flow", "1\n");
  settings_.set("nf_conntrack_flow_active_timeout", "60\n");
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(TableCheckTest, FindsThatTooFewConnectionsCanBeRemembered) {
  config_.max_reported_connections = 10;
  settings_.set("nf_conntrack_count", "10\n");
  EXPECT_THAT(events(), IsEmpty());
  settings_.set("nf_conntrack_count", "11\n");
  EXPECT_THAT(events(), ElementsAre("live_connections_small"));
  settings_.set("nf_conntrack_count", "14020\n");
  const auto found =
      check_table(config_, find_capabilities(config_, settings_.path()), settings_.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].impact, HasSubstr("the table has 14 020 connections, and"));
  EXPECT_THAT(found[0].fix, HasSubstr("to 28040 or more")) << "to copy";
  config_.active_timeout = std::chrono::seconds(0);
  settings_.set("nf_conntrack_tcp_timeout_established", "60\n");
  EXPECT_THAT(events(), IsEmpty());
}

}  // namespace
}  // namespace ctflow
