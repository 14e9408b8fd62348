// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/spool_check.hpp"

#include <fnmatch.h>
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
    one.spool.size = 1 << 20;
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
  const std::string& fix = found.wrong[0].fix;
  const std::string removed = fix.substr(fix.find(directory_.name()));
  EXPECT_EQ(fnmatch(removed.c_str(), directory_.path("before-0000000000000002.spool").c_str(), 0),
            0);
  EXPECT_NE(fnmatch(removed.c_str(), directory_.path("before-2-0000000000000002.spool").c_str(), 0),
            0)
      << "of another collector";
}

TEST_F(SpoolCheckTest, FindsWhatACollectorLeftInAnEarlierDirectory) {
  leave("one", 1);
  const std::set<std::string> earlier = {directory_.name()};
  EXPECT_TRUE(check_spools(config_, earlier).wrong.empty());
  const test::TemporaryDirectory another;
  config_.collectors[0].spool.directory = another.name();
  EXPECT_TRUE(check_spools(config_).wrong.empty());
  EXPECT_EQ(check_spools(config_, earlier).wrong.size(), 1U);
  config_.collectors.clear();
  EXPECT_EQ(check_spools(config_, earlier).wrong.size(), 1U);
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

TEST_F(SpoolCheckTest, FindsSpoolsThatMayBecomeLargerThanTheDisk) {
  static constexpr std::uint64_t kRoom = std::uint64_t{4} << 20;
  const auto free = [](const std::string& /*directory*/) {
    return std::optional<std::uint64_t>(kRoom);
  };
  config_.collectors[0].spool.size = kRoom;
  EXPECT_TRUE(check_spool_sizes(config_, free).wrong.empty());
  config_.collectors[0].spool.size = kRoom + 1;
  const Findings found = check_spool_sizes(config_, free);
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(found.wrong[0].name, "spool_larger_than_disk");
  EXPECT_NE(found.wrong[0].impact.find(directory_.name()), std::string::npos);
  EXPECT_NE(found.wrong[0].impact.find("4 MiB"), std::string::npos);
  leave("one", 1);
  EXPECT_TRUE(check_spool_sizes(config_, free).wrong.empty()) << "it has that room already";
  config_.collectors[0].spool.size = kRoom + 1025;
  EXPECT_EQ(check_spool_sizes(config_, free).wrong.size(), 1U);
  leave("before", 1);
  EXPECT_EQ(check_spool_sizes(config_, free).wrong.size(), 1U) << "no room of its own";
  EXPECT_TRUE(check_spool_sizes(config_, [](const std::string& /*directory*/) {
                return std::optional<std::uint64_t>();
              }).wrong.empty());
}

TEST_F(SpoolCheckTest, AddsUpTheSpoolsOfADirectory) {
  const auto free = [](const std::string& /*directory*/) {
    return std::optional<std::uint64_t>(std::uint64_t{2} << 20);
  };
  config_.collectors.push_back(config_.collectors[0]);
  config_.collectors[1].name = "two";
  EXPECT_TRUE(check_spool_sizes(config_, free).wrong.empty());
  ConnectionLogConfig log;
  log.name = "lines";
  log.to = LogDestination::kTcp;
  log.spool.directory = directory_.name();
  log.spool.size = 1 << 20;
  config_.log_connections.push_back(log);
  EXPECT_EQ(check_spool_sizes(config_, free).wrong.size(), 1U);
  config_.log_connections.clear();
  config_.namespaces.resize(2);
  EXPECT_EQ(check_spool_sizes(config_, free).wrong.size(), 1U) << "each namespace has its own";
}

TEST_F(SpoolCheckTest, KnowsWhatIsFree) {
  const auto free = free_octets(directory_.name());
  ASSERT_TRUE(free);
  EXPECT_LT(*free, std::uint64_t{1} << 60);
  EXPECT_FALSE(free_octets(directory_.path("missing")));
  config_.collectors[0].spool.size = std::uint64_t{1} << 60;
  EXPECT_EQ(check_places(config_).wrong.size(), 1U);
}

TEST_F(SpoolCheckTest, FindsAFileWhoseNumberIsTooHighToBeRead) {
  leave("one", SpoolDirectory::kLastNumber);
  EXPECT_TRUE(check_spools(config_).wrong.empty());
  leave("one", UINT64_MAX);
  const Findings found = check_spools(config_);
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(found.wrong[0].name, "spool_file_unread");
  EXPECT_NE(found.wrong[0].impact.find("one-ffffffffffffffff.spool (1 KiB)"), std::string::npos)
      << found.wrong[0].impact;
  EXPECT_NE(found.wrong[0].fix.find("one-0000000000000000.spool"), std::string::npos);
}

}  // namespace
}  // namespace ctflow
