// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/find_extras.hpp"

#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

TEST(FindExtras, SeesASettingThatChanges) {
  const test::SettingsDirectory settings;
  const auto extras = patch_extras({}, settings.path());
  EXPECT_FALSE(extras->capabilities().possible());
  settings.set("nf_conntrack_flow", "0\n");  // as when the module is loaded later
  EXPECT_TRUE(extras->refresh().possible());
  EXPECT_FALSE(extras->capabilities().active());
  settings.set("nf_conntrack_flow", "1\n");
  EXPECT_TRUE(extras->refresh().times);
}

TEST(FindCapabilities, HaveTheCountersThatAreConfigured) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_flow", "1\n");
  SourceConfig config;
  EXPECT_TRUE(find_capabilities(config, settings.path()).counters);
  config.wire_counters = false;
  EXPECT_FALSE(find_capabilities(config, settings.path()).counters);
}

TEST(RecordedExtras, AllowForAllThatARecordingMayHold) {
  const auto extras = recorded_extras({});
  EXPECT_TRUE(extras->capabilities().possible());
  EXPECT_FALSE(extras->capabilities().reports);
}

}  // namespace
}  // namespace ctflow
