// SPDX-License-Identifier: GPL-2.0-or-later
#include "time_zone/time_zone.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

namespace ctflow {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint8_t> zone_octets(const std::string& name) {
  std::ifstream file("/usr/share/zoneinfo/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(TimeZone, AgreesWithTheLibraryOfC) {
  for (const std::string name : {"Europe/Berlin", "America/New_York", "Asia/Kolkata",
                                 "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"}) {
    const auto zone = TimeZone::find(name);
    ASSERT_TRUE(zone) << name << ": tzdata is needed";
    setenv("TZ", name.c_str(), 1);
    tzset();
    for (std::time_t time = 0; time < 2'400'000'000; time += 6 * 3600) {
      std::tm local{};
      localtime_r(&time, &local);
      const auto ours = zone->offset_at(std::chrono::sys_seconds(std::chrono::seconds(time)));
      ASSERT_EQ(ours.count(), local.tm_gmtoff) << name << " at " << time;
    }
    unsetenv("TZ");
    tzset();
  }
}

TEST(TimeZone, IsFoundByNameRuleOrNotAtAll) {
  EXPECT_TRUE(TimeZone::find("UTC"));
  EXPECT_TRUE(TimeZone::find(""));
  EXPECT_TRUE(TimeZone::find("CET-1CEST,M3.5.0,M10.5.0/3"));
  EXPECT_FALSE(TimeZone::find("Europe/Nowhere"));
  EXPECT_FALSE(TimeZone::find("../../../etc/passwd"));
  EXPECT_FALSE(TimeZone::find("/etc/localtime"));
  EXPECT_FALSE(TimeZone::find("Europe"));
}

TEST(TimeZone, RefusesEveryPartOfAFile) {
  const auto whole = zone_octets("Europe/Berlin");
  ASSERT_TRUE(TimeZone::parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(TimeZone::parse(std::span(whole).first(size))) << size;
  }
}

TEST(TimeZone, RefusesCountsThatDoNotFit) {
  auto octets = zone_octets("Europe/Berlin");
  for (std::size_t at = 20; at < 44; ++at) {
    auto damaged = octets;
    damaged[at] = 0xff;
    EXPECT_FALSE(TimeZone::parse(damaged)) << at;
  }
}

}  // namespace
}  // namespace ctflow
