// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/capabilities_text.hpp"

#include <gtest/gtest.h>

#include "extras/find_extras.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

class CapabilitiesTextTest : public testing::Test {
 protected:
  [[nodiscard]] std::string text() const {
    return capabilities_text(find_capabilities(config_, settings_.path()), config_);
  }

  test::SettingsDirectory settings_;
  SourceConfig config_;
};

TEST_F(CapabilitiesTextTest, CallsNothingExactOnAStockKernel) {
  EXPECT_EQ(text(),
            "origin=none measuring=off end_times=estimated counters=conntrack "
            "interfaces=estimated tcp_flags=unknown active_timeout=table flowtables=unmeasured");
}

TEST_F(CapabilitiesTextTest, CallsNothingExactWhereAPatchedKernelDoesNotMeasure) {
  settings_.set("nf_conntrack_flow", "0\n");
  settings_.set("nf_conntrack_flow_active_timeout", "60\n");
  config_.active_timeout = std::chrono::milliseconds(0);
  EXPECT_EQ(text(),
            "origin=kernel_patch measuring=off end_times=estimated counters=conntrack "
            "interfaces=estimated tcp_flags=unknown active_timeout=off flowtables=unmeasured");
}

TEST_F(CapabilitiesTextTest, SaysWhatIsExactWhereItMeasures) {
  settings_.set("nf_conntrack_flow", "1\n");
  settings_.set("nf_conntrack_flow_active_timeout", "60\n");
  EXPECT_EQ(text(),
            "origin=kernel_patch measuring=on end_times=exact counters=wire "
            "interfaces=exact tcp_flags=exact active_timeout=kernel flowtables=measured");
  config_.wire_counters = false;
  EXPECT_NE(text().find("end_times=exact counters=conntrack"), std::string::npos);
}

}  // namespace
}  // namespace ctflow
