// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/tracking_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

TEST(CheckTracking, PutsSettingsAndTableTogether) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_acct", "0\n");
  settings.set("nf_conntrack_max", "10\n");
  settings.set("nf_conntrack_count", "10\n");
  std::vector<std::string> names;
  for (const Finding& one : check_tracking(SourceConfig(), {}, settings.path()).wrong) {
    names.push_back(one.name);
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"accounting_off", "table_nearly_full"}));
}

}  // namespace
}  // namespace ctflow
