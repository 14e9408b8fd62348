// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/networks_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctflow/accounting_config.hpp"
#include "ctflow/config_error.hpp"

namespace ctflow::config {
namespace {

std::vector<NamedNetworks> read(const std::string& text) {
  return networks_in(SourceText(text, "FILE"));
}

std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(NetworksFile, HasANetworkAndANameOnEachLine) {
  const auto found = read(
      "# customers\n10.1.0.0/16 anna\n\n  10.2.0.0/16\tbert # since May\r\n"
      "2001:db8::/32 anna\n192.0.2.1 anna");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "anna");
  EXPECT_EQ(found[0].networks.size(), 3U);
  EXPECT_EQ(found[0].networks[2].length, 32);
  EXPECT_EQ(found[1].name, "bert");
  EXPECT_TRUE(read("").empty());
}

TEST(NetworksFile, SaysWhereItIsWrong) {
  EXPECT_THAT(complaint("10.1.0.0/16 anna\n10.1.0.0/33 bert\n"),
              testing::StartsWith("FILE:2:1: expected "));
  EXPECT_EQ(complaint("10.1.0.0/16"), "FILE:1:1: expected a name behind the network");
  EXPECT_THAT(complaint("\n10.1.0.0/16 a/b"), testing::StartsWith("FILE:2:13: expected "));
  EXPECT_EQ(complaint("10.1.0.0/16 a b"),
            "FILE:1:15: expected the end of the line behind the name");
  EXPECT_THAT(complaint("10.1.0.0/16 other"), testing::HasSubstr("FILE:1:13: expected another"));
  EXPECT_THAT(complaint("10.1.0.0/16 total"), testing::HasSubstr("FILE:1:13: expected another"));
  EXPECT_EQ(complaint("10.1.0.0/16 a\n10.2.0.0/16 b\n10.1.0.0/16 b\n"),
            "FILE:3:1: the same network is in line 1");
  EXPECT_THAT(complaint("10.1.0.0/16 \x1b"), testing::HasSubstr("FILE:1:13"));
  EXPECT_THAT(complaint("\x1b[2J/16 a"), testing::Not(testing::HasSubstr("\x1b")));
}

}  // namespace
}  // namespace ctflow::config
