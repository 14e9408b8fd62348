// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::Not;

class DoctorTest : public testing::Test {
 protected:
  int run() {
    text_.str("");
    return run_doctor(text_, settings_.path());
  }

  test::SettingsDirectory settings_;
  std::ostringstream text_;
};

TEST_F(DoctorTest, FindsNothingToMendOnAGoodStockKernel) {
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(text_.str(), HasSubstr("stock kernel: end times are estimated"));
  EXPECT_THAT(text_.str(), HasSubstr("nothing to mend"));
}

TEST_F(DoctorTest, SaysWhatIsWrongAndTheCommandThatMendsIt) {
  settings_.set("nf_conntrack_acct", "0\n");
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(text_.str(), HasSubstr("accounting_off: connections have no counters"));
  EXPECT_THAT(text_.str(), HasSubstr("mend: sysctl -w net.netfilter.nf_conntrack_acct=1"));
  EXPECT_THAT(text_.str(), Not(HasSubstr("nothing to mend")));
}

TEST_F(DoctorTest, SaysWhatAPatchedKernelMakesExact) {
  settings_.set("nf_conntrack_flow", "1\n");
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(text_.str(), HasSubstr("are exact for connections that began since"));
  settings_.set("nf_conntrack_flow", "0\n");
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(text_.str(), HasSubstr("mend: sysctl -w net.netfilter.nf_conntrack_flow=1"));
}

}  // namespace
}  // namespace ctflow
