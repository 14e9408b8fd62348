// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/device_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "enrich/neighbours/neighbours.hpp"
#include "support/accounting_flows.hpp"
#include "support/logged_lines.hpp"

namespace ctflow::accounting {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// With MAC addresses and addresses as people write them.
std::map<std::string, std::string> readable(const DeviceNames& names) {
  std::map<std::string, std::string> all;
  for (const auto& [octets, name] : names) all[device_text(octets)] = name;
  return all;
}

std::map<std::string, std::string> names_of(const std::string& line) {
  DeviceNames names;
  add_names_of_line(line, names);
  return readable(names);
}

TEST(DeviceNames, AreReadFromEthers) {
  EXPECT_THAT(names_of("02:00:5E:00:53:01 tv"), ElementsAre(Pair("02:00:5e:00:53:01", "tv")));
  EXPECT_THAT(names_of("02:00:5e:00:53:01\t10.0.0.5"), IsEmpty()) << "an address is no name";
  EXPECT_THAT(names_of("# 02:00:5e:00:53:01 tv"), IsEmpty());
}

TEST(DeviceNames, AreReadFromLeasesOfDnsmasq) {
  EXPECT_THAT(names_of("1764200000 02:00:5e:00:53:01 10.0.0.5 tv 01:02:00:5e:00:53:01"),
              ElementsAre(Pair("02:00:5e:00:53:01", "tv"), Pair("10.0.0.5", "tv")));
  EXPECT_THAT(names_of("1764200000 02:00:5e:00:53:01 10.0.0.5 * *"), IsEmpty());
  EXPECT_THAT(names_of("duid 00:01:00:01:2b:1a:5e:1d:02:00:5e:00:53:ff"), IsEmpty());
  EXPECT_THAT(names_of("1764200000 123456 fd00::5 tv "
                       "00:01:00:01:2b:1a:5e:1d:02:00:5e:00:53:01"),
              ElementsAre(Pair("02:00:5e:00:53:01", "tv"), Pair("fd00::5", "tv")));
  EXPECT_THAT(names_of("0 123456 fd00::5 tv 00:04:aa:bb"), ElementsAre(Pair("fd00::5", "tv")));
}

TEST(DeviceNames, AreReadFromLeasesOfOdhcpd) {
  EXPECT_THAT(names_of("# br-lan 02005e005301 ipv4 tv 1764200000 5 32 10.0.0.5/32"),
              ElementsAre(Pair("02:00:5e:00:53:01", "tv"), Pair("10.0.0.5", "tv")));
  EXPECT_THAT(names_of("# br-lan 000100012b1a5e1d02005e005301 1a2b tv 1764200000 5 128 "
                       "fd00::5/128 2001:db8::5/128"),
              ElementsAre(Pair("02:00:5e:00:53:01", "tv"), Pair("2001:db8::5", "tv"),
                          Pair("fd00::5", "tv")));
  EXPECT_THAT(names_of("# br-lan 0003000102005e005301 1a2b - 1764200000 5 128 fd00::5/128"),
              IsEmpty());
}

TEST(DeviceNames, AreTextWithoutControlCharacters) {
  EXPECT_THAT(names_of("02:00:5e:00:53:01 <script>"), ElementsAre(Pair(testing::_, "<script>")));
  EXPECT_THAT(names_of("02:00:5e:00:53:01 Küche"), ElementsAre(Pair(testing::_, "Küche")));
  EXPECT_THAT(names_of("02:00:5e:00:53:01 a\x1b[2J\xff"),
              ElementsAre(Pair(testing::_, "a\\x1b[2J\\xff")));
  EXPECT_THAT(names_of("02:00:5e:00:53:01 " + std::string(256, 'a')), IsEmpty());
}

TEST(DeviceNames, AreNothingInLinesOfAnythingElse) {
  for (const char* line : {"", " ", "tv", "tv tv", "00:00:00:00:00:00 tv", "1 2", "1 2 3",
                           "1 2 3 4", "# a b c d", "# a b c d e f g", "# a b c d e f g h"}) {
    EXPECT_THAT(names_of(line), IsEmpty()) << line;
  }
}

class DeviceNamesFilesTest : public testing::Test {
 protected:
  DeviceNamesFilesTest() {
    config_.device_files = {directory_.path("ethers"), directory_.path("leases")};
    config_.devices = {{"desk", {0x02005e005301}}};
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path(name)) << text;
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
};

TEST_F(DeviceNamesFilesTest, FirstCountsWhatTheSettingsSay) {
  write("ethers", "02:00:5e:00:53:01 a\n02:00:5e:00:53:02 b\n");
  write("leases", "1 02:00:5e:00:53:02 10.0.0.2 c *\n1 02:00:5e:00:53:03 10.0.0.3 d *\n");
  const auto names = device_names_of(config_)();
  ASSERT_TRUE(names);
  EXPECT_THAT(
      readable(*names),
      ElementsAre(Pair("02:00:5e:00:53:01", "desk"), Pair("02:00:5e:00:53:02", "b"),
                  Pair("02:00:5e:00:53:03", "d"), Pair("10.0.0.2", "c"), Pair("10.0.0.3", "d")));
}

TEST_F(DeviceNamesFilesTest, AreReadAgainWhenAFileChanges) {
  const ReadDeviceNames read = device_names_of(config_);
  EXPECT_EQ(read()->size(), 1U) << "no file is there";
  EXPECT_FALSE(read());
  write("leases", "1 02:00:5e:00:53:03 10.0.0.3 d *\n");
  EXPECT_EQ(read()->size(), 3U);
  EXPECT_FALSE(read());
  write("new", "1 02:00:5e:00:53:03 10.0.0.3 e *\n");
  std::filesystem::rename(directory_.path("new"), directory_.path("leases"));
  EXPECT_EQ(readable(*read())["10.0.0.3"], "e");
  std::filesystem::remove(directory_.path("leases"));
  EXPECT_EQ(read()->size(), 1U);
  std::filesystem::create_directory(directory_.path("leases"));
  EXPECT_FALSE(read()) << "no file";
}

TEST_F(DeviceNamesFilesTest, AreThoseOfBeforeWhileAFileCannotBeRead) {
  const test::LoggedLines log;
  const ReadDeviceNames read = device_names_of(config_);
  write("ethers", "02:00:5e:00:53:02 b\n");
  write("leases", "1 02:00:5e:00:53:03 10.0.0.3 d *\n");
  EXPECT_EQ(read()->size(), 4U);
  std::filesystem::remove(directory_.path("leases"));
  std::filesystem::create_directory(directory_.path("leases"));
  EXPECT_FALSE(read());
  EXPECT_FALSE(read());
  EXPECT_EQ(log.count("accounting_names_unreadable"), 1U) << "once for each change";
  EXPECT_EQ(log.count("Is a directory"), 1U);
  write("ethers", "02:00:5e:00:53:02 another\n");
  const auto names = readable(*read());
  EXPECT_EQ(names.at("02:00:5e:00:53:02"), "another") << "the other file is followed";
  EXPECT_EQ(names.at("10.0.0.3"), "d");
  std::filesystem::remove(directory_.path("leases"));
  ASSERT_EQ(mkfifo(directory_.path("leases").c_str(), 0600), 0);
  EXPECT_FALSE(read()) << "it does not wait for who writes there";
  EXPECT_EQ(log.count("accounting_names_unreadable"), 2U);
  std::filesystem::remove(directory_.path("leases"));
  write("leases", "1 02:00:5e:00:53:03 10.0.0.3 e *\n");
  EXPECT_EQ(readable(*read()).at("10.0.0.3"), "e");
  EXPECT_EQ(log.count("accounting_names_unreadable"), 2U);
}

TEST_F(DeviceNamesFilesTest, AreNotThoseOfAFileThatIsTooLarge) {
  const test::LoggedLines log;
  const ReadDeviceNames read = device_names_of(config_);
  write("ethers", "02:00:5e:00:53:02 b\n");
  std::filesystem::resize_file(directory_.path("ethers"), (16U << 20) + 1);
  EXPECT_EQ(read()->size(), 1U);
  EXPECT_EQ(log.count("expected at most 16 MiB"), 1U);
}

TEST(DeviceNames, OfAnAddressAreThoseOfItsNeighbourToo) {
  Neighbours neighbours;
  const test::TextAddress address = test::text_address("fd00::5");
  neighbours.apply({address.family, address.address, 2, 0x02005e005301}, TimePoint());
  DeviceNames names;
  add_names_of_line("0 123456 fd00::5 tv 00:04:aa:bb", names);
  add_names_of_line("0 123456 fd00::6 radio 00:04:aa:bb", names);
  EXPECT_THAT(readable(with_neighbours(names, neighbours, TimePoint())),
              ElementsAre(Pair("02:00:5e:00:53:01", "tv"), Pair("fd00::5", "tv"),
                          Pair("fd00::6", "radio")));
}

}  // namespace
}  // namespace ctflow::accounting
