// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/kernel_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KernelCheckTest : public testing::Test {
 protected:
  KernelCheckTest() {
    std::string name = testing::TempDir() + "netfilter-XXXXXX";
    directory_ = mkdtemp(name.data());
    set("nf_conntrack_acct", "1\n");
    set("nf_conntrack_timestamp", "1\n");
    set("nf_conntrack_events", "1\n");
  }
  ~KernelCheckTest() override { std::filesystem::remove_all(directory_); }

  void set(const std::string& name, const std::string& value) const {
    std::ofstream(directory_ / name) << value;
  }
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> names;
    for (const KernelFinding& finding : check_kernel(directory_)) {
      EXPECT_FALSE(finding.means.empty());
      EXPECT_FALSE(finding.mend.empty());
      names.push_back(finding.event);
    }
    return names;
  }

  std::filesystem::path directory_;
};

TEST_F(KernelCheckTest, FindsNothingWhenAllIsOn) { EXPECT_THAT(events(), IsEmpty()); }

TEST_F(KernelCheckTest, FindsEachSettingThatCostsTruth) {
  set("nf_conntrack_acct", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off"));
  set("nf_conntrack_timestamp", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off"));
  set("nf_conntrack_events", "0\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off", "events_off"));
  set("nf_conntrack_events", "2\n");
  EXPECT_THAT(events(), ElementsAre("accounting_off", "timestamps_off", "events_on_demand"));
}

TEST_F(KernelCheckTest, SaysThatConntrackIsMissing) {
  std::filesystem::remove_all(directory_);
  EXPECT_THAT(events(), ElementsAre("conntrack_missing"));
}

}  // namespace
}  // namespace ctflow
