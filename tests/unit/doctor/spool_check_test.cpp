// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/spool_check.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "doctor/place_check.hpp"
#include "support/temporary_directory.hpp"
#include "transport/spool/spool_directory.hpp"

namespace ctflow {
namespace {

class SpoolCheckTest : public testing::Test {
 protected:
  SpoolCheckTest() {
    CollectorConfig one;
    one.name = "one";
    one.transport = TransportKind::kTcp;
    one.spool.directory = directory_.name();
    config_.collectors.push_back(one);
    config_.status = {"", ""};
  }

  void leave(const std::string& collector, std::uint64_t number) {
    const SpoolDirectory names(directory_.name(), collector, files_);
    std::ofstream(names.path_of(number)) << std::string(1024, 'x');
  }

  test::TemporaryDirectory directory_;
  SpoolFiles files_;
  Config config_;
};

TEST_F(SpoolCheckTest, FindsWhatARenamedCollectorLeft) {
  leave("one", 1);
  EXPECT_TRUE(check_spools(config_).wrong.empty());
  leave("before", 1);
  leave("before", 2);
  const Findings found = check_spools(config_);
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(check_places(config_).wrong.size(), 1U);
  const std::string& impact = found.wrong[0].impact;
  EXPECT_NE(impact.find("2 files (2 KiB)"), std::string::npos) << impact;
  EXPECT_NE(impact.find("before"), std::string::npos) << impact;
  EXPECT_NE(found.wrong[0].fix.find(directory_.path("before-*.spool")), std::string::npos);
}

TEST_F(SpoolCheckTest, LeavesTheSpoolOfAnotherCtflowdAlone) {
  leave("other", 1);
  SpoolDirectory other(directory_.name(), "other", files_);
  ASSERT_FALSE(other.lock());
  EXPECT_TRUE(check_spools(config_).wrong.empty());
  other.unlock();
  EXPECT_EQ(check_spools(config_).wrong.size(), 1U);
}

TEST_F(SpoolCheckTest, KnowsTheNamesThatNamespacesGive) {
  config_.namespaces.resize(1);
  config_.namespaces[0].name = "red";
  leave("one@red", 1);
  EXPECT_TRUE(check_spools(config_).wrong.empty());
  leave("one", 1);
  EXPECT_EQ(check_spools(config_).wrong.size(), 1U) << "it was without namespaces before";
}

}  // namespace
}  // namespace ctflow
