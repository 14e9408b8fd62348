// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/conntrack_settings.hpp"

#include <gtest/gtest.h>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

class ConntrackSettings : public testing::Test {
 protected:
  test::SettingsDirectory settings_;
};

TEST_F(ConntrackSettings, KnowWhetherTheKernelIsPatched) {
  EXPECT_EQ(find_kernel_patch(settings_.path()), KernelPatch::kAbsent);
  settings_.set("nf_conntrack_flow", "0\n");
  EXPECT_EQ(find_kernel_patch(settings_.path()), KernelPatch::kOff);
  settings_.set("nf_conntrack_flow", "1\n");
  EXPECT_EQ(find_kernel_patch(settings_.path()), KernelPatch::kOn);
}

TEST_F(ConntrackSettings, TellWhetherTheKernelReportsByItself) {
  settings_.set("nf_conntrack_flow_active_timeout", "60\n");
  EXPECT_FALSE(kernel_active_timeout(settings_.path())) << "nothing measures";
  settings_.set("nf_conntrack_flow", "1\n");
  EXPECT_EQ(kernel_active_timeout(settings_.path()), 60U);
  settings_.set("nf_conntrack_flow_active_timeout", "0\n");
  EXPECT_FALSE(kernel_active_timeout(settings_.path()));
}

TEST_F(ConntrackSettings, AreUnknownWhereTheFileIsMissingOrHoldsNoNumber) {
  settings_.set("nf_conntrack_max", "many\n");
  EXPECT_FALSE(conntrack_setting(settings_.path(), "nf_conntrack_max"));
  EXPECT_EQ(table_limit(settings_.path()), 0U);
  settings_.set("nf_conntrack_max", "65536\n");
  EXPECT_EQ(table_limit(settings_.path()), 65536U);
  settings_.clear();
  EXPECT_EQ(table_size(settings_.path()), 0U);
  EXPECT_EQ(events_mode(settings_.path()), 0);
}

}  // namespace
}  // namespace ctflow
