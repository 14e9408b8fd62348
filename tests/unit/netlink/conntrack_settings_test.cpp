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

TEST_F(ConntrackSettings, AreUnknownWhereTheFileIsMissingOrHoldsNoNumber) {
  settings_.set("nf_conntrack_max", "many\n");
  EXPECT_FALSE(conntrack_setting(settings_.path(), "nf_conntrack_max"));
  EXPECT_EQ(table_limit(settings_.path()), 0U);
  settings_.set("nf_conntrack_max", "65536\n");
  EXPECT_EQ(table_limit(settings_.path()), 65536U);
  settings_.clear();
  EXPECT_EQ(table_size(settings_.path()), 0U);
  EXPECT_EQ(events_mode(settings_.path()), 0U);
}

TEST_F(ConntrackSettings, AreReadByOneDescriptorOfTheirDirectory) {
  settings_.set("nf_conntrack_udp_timeout", "17\n");
  settings_.set("nf_conntrack_gre_timeout", "17 s\n");
  const SettingsReader reader(settings_.path());
  EXPECT_FALSE(reader.error());
  std::uint32_t value = 5;
  EXPECT_EQ(reader.read("nf_conntrack_icmp_timeout", value), std::errc::no_such_file_or_directory);
  EXPECT_EQ(reader.read("nf_conntrack_gre_timeout", value), std::errc::invalid_argument);
  EXPECT_EQ(value, 5U) << "an error leaves it as it was";
  EXPECT_FALSE(reader.read("nf_conntrack_udp_timeout", value));
  EXPECT_EQ(value, 17U);
}

TEST_F(ConntrackSettings, HaveTheErrorOfADirectoryThatIsNotThere) {
  const SettingsReader reader("/nonexistent/netfilter");
  EXPECT_EQ(reader.error(), std::errc::no_such_file_or_directory);
  std::uint32_t value = 5;
  EXPECT_EQ(reader.read("nf_conntrack_max", value), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace ctflow
