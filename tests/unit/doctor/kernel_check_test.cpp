// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/kernel_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "extras/find_extras.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class KernelCheckTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> names;
    for (const Finding& finding :
         check_kernel(find_capabilities({}, settings_.path()), settings_.path())) {
      EXPECT_FALSE(finding.impact.empty());
      EXPECT_FALSE(finding.fix.empty());
      names.push_back(finding.name);
    }
    return names;
  }

  test::SettingsDirectory settings_;
};

TEST_F(KernelCheckTest, FindsNothingWhenAllIsOn) { EXPECT_THAT(events(), IsEmpty()); }

TEST_F(KernelCheckTest, FindsEachSettingThatCostsTruth) {
  settings_.set("nf_conntrack_acct", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off"));
  settings_.set("nf_conntrack_timestamp", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off"));
  settings_.set("nf_conntrack_events", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off", "events_off"));
  settings_.set("nf_conntrack_events", "2\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off", "events_on_demand"));
}

// Interim reports come from the table: `ctflowd status` says the same.
TEST_F(KernelCheckTest, DoesNotSayThatNothingIsExportedWithoutEvents) {
  settings_.set("nf_conntrack_events", "0\n");
  const auto found = check_kernel({}, settings_.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].impact, HasSubstr("their ends are not exported"));
}

TEST_F(KernelCheckTest, FindsAPatchedKernelThatDoesNotMeasure) {
  settings_.set("nf_conntrack_flow", "0\n");
  EXPECT_THAT(events(), ElementsAre("flow_measurement_off"));
  settings_.set("nf_conntrack_flow", "1\n");
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(KernelCheckTest, WantsNoEventsWhereRecordsHaveTheEnds) {
  settings_.set("nf_conntrack_events", "0\n");
  Capabilities measured;
  measured.ends = true;
  EXPECT_THAT(check_kernel(measured, settings_.path()), IsEmpty());
  settings_.set("nf_conntrack_events", "2\n");
  EXPECT_THAT(check_kernel(measured, settings_.path()), IsEmpty());
}

TEST_F(KernelCheckTest, SaysThatConntrackIsMissing) {
  settings_.clear();
  EXPECT_THAT(events(), ElementsAre("conntrack_missing"));
}

TEST_F(KernelCheckTest, DoesNotTakeHiddenSettingsForMissingConntrack) {
  for (const char* hidden : {"/nonexistent/net/netfilter", "/proc/1/mem/netfilter"}) {
    const std::vector<Finding> found = check_kernel({}, hidden);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].name, "settings_unreadable");
    EXPECT_NE(found[0].impact.find(hidden), std::string::npos);
  }
}

TEST_F(KernelCheckTest, DoesNotTakeALackOfDescriptorsForMissingConntrack) {
  ASSERT_THAT(check_kernel({}, settings_.path()), IsEmpty());
  const int lowest = dup(STDERR_FILENO);
  ASSERT_GE(lowest, 0);
  close(lowest);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit one_left{static_cast<rlim_t>(lowest) + 1, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &one_left);
  const std::vector<Finding> found = check_kernel({}, settings_.path());
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "settings_unreadable");
}

TEST_F(KernelCheckTest, SaysThatItCouldNotLookWhereDescriptorsAreUsedUp) {
  // UBSan needs descriptors of its own when it sees a type for the first time.
  ASSERT_THAT(check_kernel(find_capabilities({}, settings_.path()), settings_.path()), IsEmpty());
  ASSERT_EQ(check_kernel({}, "/nonexistent/net/netfilter").size(), 1U);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const std::vector<Finding> found =
      check_kernel(find_capabilities({}, settings_.path()), settings_.path());
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "settings_unreadable");
}

}  // namespace
}  // namespace ctflow
