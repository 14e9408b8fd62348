// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/configured_namespaces.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ctflow {
namespace {

using testing::HasSubstr;

NamespaceConfig entry(const std::string& name, const std::string& file = "",
                      const std::vector<std::uint64_t>& zones = {}) {
  return {name, file, std::nullopt, zones};
}

constexpr const char* kOwn = "/proc/self/ns/net";

TEST(FileOf, IsBelowRunNetnsUnlessItIsGiven) {
  EXPECT_EQ(file_of(entry("red")), "/run/netns/red");
  EXPECT_EQ(file_of(entry("red", "/x/y")), "/x/y");
}

TEST(ShareZones, UnlessEachHasItsOwn) {
  EXPECT_TRUE(share_zones(entry("a"), entry("b")));
  EXPECT_TRUE(share_zones(entry("a", "", {1}), entry("b")));
  EXPECT_TRUE(share_zones(entry("a"), entry("b", "", {1})));
  EXPECT_TRUE(share_zones(entry("a", "", {1, 2}), entry("b", "", {3, 2})));
  EXPECT_FALSE(share_zones(entry("a", "", {1, 2}), entry("b", "", {3})));
}

TEST(ExportedTwice, NamesTheTwoEntriesOfOneNamespace) {
  const std::string link = testing::TempDir() + "/configured_namespaces_test";
  unlink(link.c_str());
  ASSERT_EQ(symlink(kOwn, link.c_str()), 0);
  const std::string twice =
      exported_twice({entry("x", "/nowhere"), entry("a", kOwn), entry("b", link)});
  EXPECT_THAT(twice, HasSubstr("a and b are the same network namespace"));
  EXPECT_EQ(exported_twice({entry("a", kOwn, {1}), entry("b", link, {2})}), "");
  EXPECT_NE(exported_twice({entry("a", kOwn, {1}), entry("b", link, {2, 1})}), "");
  unlink(link.c_str());
}

TEST(ExportedTwice, SaysNothingOfWhatIsNotThere) {
  EXPECT_EQ(exported_twice({}), "");
  EXPECT_EQ(exported_twice({entry("a", "/nowhere"), entry("b", "/nowhere")}), "");
  EXPECT_EQ(exported_twice({entry("a", "/dev/null"), entry("b", "/dev/null")}), "");
}

}  // namespace
}  // namespace ctflow
