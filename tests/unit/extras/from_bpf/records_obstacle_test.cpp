// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/records_obstacle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

TEST(RecordsObstacle, IsNoneWhereConnectionsAreStamped) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_timestamp", "1\n");
  EXPECT_EQ(records_obstacle({}, settings.path()), "");
}

TEST(RecordsObstacle, NamesWhatIsMissing) {
  test::SettingsDirectory settings;
  settings.set("nf_conntrack_timestamp", "0\n");
  EXPECT_THAT(records_obstacle({}, settings.path()), HasSubstr("nf_conntrack_timestamp is not 1"));
  SourceConfig config;
  config.delivery = Delivery::kReliable;
  EXPECT_THAT(records_obstacle(config, settings.path()), HasSubstr("source.delivery"));
  settings.clear();
  EXPECT_THAT(records_obstacle({}, settings.path()), HasSubstr("modprobe nf_conntrack"));
}

TEST(RecordsObstacle, AskingForConntrackHarmsNothing) {
  test::SettingsDirectory settings;
  load_conntrack(settings.path());
  settings.clear();
  load_conntrack(settings.path());  // asks the kernel of this machine
}

}  // namespace
}  // namespace ctflow
