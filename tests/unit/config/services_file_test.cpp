// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/services_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "config/file_contents.hpp"
#include "ctflow/accounting_config.hpp"
#include "ctflow/config_error.hpp"
#include "ctflow/network.hpp"
#include "ctflow/protocol.hpp"

namespace ctflow::config {
namespace {

using testing::StartsWith;

std::vector<NamedService> read_text(const std::string& text) {
  return services_in(SourceText(text, "FILE"));
}

std::string complaint_about(const std::string& text) {
  try {
    read_text(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ServicesFile, HasANameAndAPortOnEachLine) {
  const auto found = read_text(
      "# Network services\n\nssh\t\t22/tcp\t\t\t# SSH Remote Login Protocol\r\n"
      "domain 53/tcp\ndomain 53/udp nameserver dns\n  rtmp 1/ddp # AppleTalk\nsigtran 2905/sctp");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], (NamedService{"ssh", {{6, 22}}}));
  EXPECT_EQ(found[1], (NamedService{"domain", {{6, 53}, {17, 53}}}));
  EXPECT_EQ(found[2], (NamedService{"sigtran", {{132, 2905}}}));
  EXPECT_TRUE(read_text("").empty());
}

TEST(ServicesFile, SaysWhereItIsWrong) {
  EXPECT_EQ(complaint_about("ssh 22/tcp\nhttp 80\n"),
            "FILE:2:6: expected PORT/PROTOCOL, such as 443/tcp, got \"80\"");
  EXPECT_EQ(complaint_about("ssh"),
            "FILE:1:1: expected PORT/PROTOCOL, such as 443/tcp, behind the name");
  EXPECT_THAT(complaint_about("\n\nssh 65536/tcp"), StartsWith("FILE:3:5: expected PORT/"));
  EXPECT_THAT(complaint_about("ssh tcp/22"), StartsWith("FILE:1:5: expected PORT/"));
  EXPECT_THAT(complaint_about("ssh 22/tpc"), StartsWith("FILE:1:5: expected PORT/"));
  EXPECT_THAT(complaint_about("a/b 22/tcp"), StartsWith("FILE:1:1: expected a name"));
  EXPECT_THAT(complaint_about("other 22/tcp"), StartsWith("FILE:1:1: expected another name"));
  EXPECT_THAT(complaint_about("uncounted 22/tcp"), StartsWith("FILE:1:1: expected another name"));
  EXPECT_EQ(complaint_about("ssh 22/tcp\nssh 22/udp\n# x\nshell 22/tcp\n"),
            "FILE:4:7: the same port is in line 1");
}

TEST(ServicesFile, IsOftenThatOfTheSystem) {
  if (!std::filesystem::exists("/etc/services")) GTEST_SKIP() << "this host has no /etc/services";
  const std::string name = "/etc/services";
  const auto found = services_in(SourceText(file_contents(name), name));
  const auto https = std::find_if(found.begin(), found.end(),
                                  [](const NamedService& one) { return one.name == "https"; });
  ASSERT_NE(https, found.end());
  EXPECT_THAT(https->ports, testing::Contains(ServicePort{6, 443}));
}

}  // namespace
}  // namespace ctflow::config
