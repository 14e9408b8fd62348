// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/database_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/source_directory.hpp"
#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

TEST(DatabaseCheck, FindsABadLineInTheFileOfUsers) {
  const test::TemporaryFile file("10.0.0.0/8 anna\n10.0.0.0/33 ben\n");
  Config config;
  config.enrich.user_names = file.name();
  EXPECT_TRUE(check_databases(config).wrong.empty()) << "nothing asks for it";
  config.collectors.emplace_back().elements = {"octetDeltaCount", "userName"};
  const auto found = check_databases(config).wrong;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].subject, "user_names");
  EXPECT_THAT(found[0].impact, testing::StartsWith(file.name() + ":2: expected a network"));
}

#ifdef CTFLOWD_MAXMIND

Config with_database(const std::string& file, const std::string& element) {
  Config config;
  config.enrich.as_database = file;
  config.collectors.emplace_back().elements = {"octetDeltaCount", element};
  return config;
}

TEST(DatabaseCheck, FindsAFileThatCannotBeUsed) {
  const auto found = check_databases(with_database("/nonexistent", "bgpDestinationAsNumber")).wrong;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, std::string("database_unusable"));
  EXPECT_EQ(found[0].subject, "as_database");
  EXPECT_THAT(found[0].impact, testing::StartsWith("/nonexistent: No such file or directory"));
}

TEST(DatabaseCheck, FindsNothingWhereItIsOneOrNotAskedFor) {
  const std::string file = test::source_directory() + "/tests/data/mmdb/as.mmdb";
  EXPECT_TRUE(check_databases(with_database(file, "bgpSourceAsNumber")).wrong.empty());
  EXPECT_TRUE(check_databases(with_database("/nonexistent", "packetDeltaCount")).wrong.empty());
}

#endif

}  // namespace
}  // namespace ctflow
