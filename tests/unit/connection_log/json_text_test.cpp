// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/json_text.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "support/sample_flows.hpp"

namespace ctflow::json_text {
namespace {

std::string number(std::uint64_t value) {
  std::string text;
  append_number(text, value);
  return text;
}

std::string time(TimePoint value) {
  std::string text;
  append_time(text, value);
  return text;
}

std::string address(AddressFamily family, const IpAddress& value) {
  std::string text;
  append_address(text, family, value);
  return text;
}

std::string mac(std::uint64_t value) {
  std::string text;
  append_mac(text, value);
  return text;
}

std::string json_string(std::string_view value) {
  std::string text;
  append_text(text, value);
  return text;
}

TEST(JsonText, WritesNumbersAsStringsWhereADoubleIsInexact) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(9'007'199'254'740'991), "9007199254740991");
  EXPECT_EQ(number(9'007'199'254'740'992), "\"9007199254740992\"");
  EXPECT_EQ(number(std::numeric_limits<std::uint64_t>::max()), "\"18446744073709551615\"");
}

TEST(JsonText, WritesTimesInUtcRoundedDownToMilliseconds) {
  EXPECT_EQ(time(test::kSampleStart), "\"2023-11-14T22:13:20.123Z\"");
  EXPECT_EQ(time(test::kSampleEnd), "\"2023-11-14T22:14:25.535Z\"");
  EXPECT_EQ(time(test::at_ms(951'782'400'007)), "\"2000-02-29T00:00:00.007Z\"");
  EXPECT_EQ(time(test::at_ms(0)), "\"1970-01-01T00:00:00.000Z\"");
}

TEST(JsonText, WritesNoTimeBefore1970) {
  EXPECT_EQ(time(test::at_ms(-1)), "\"1970-01-01T00:00:00.000Z\"");
  EXPECT_EQ(time(TimePoint::min()), "\"1970-01-01T00:00:00.000Z\"");
}

TEST(JsonText, WritesMacAddressesWithEveryDigit) {
  EXPECT_EQ(mac(0x02005e00530a), "\"02:00:5e:00:53:0a\"");
  EXPECT_EQ(mac(0xfedcba987654), "\"fe:dc:ba:98:76:54\"");
  EXPECT_EQ(mac(1), "\"00:00:00:00:00:01\"");
}

TEST(JsonText, WritesTheLastTimeThatNanosecondsHold) {
  EXPECT_EQ(time(TimePoint::max()), "\"2262-04-11T23:47:16.854Z\"");
}

TEST(JsonText, WritesAddressesShort) {
  EXPECT_EQ(address(AddressFamily::kIpv4, test::ipv4(192, 0, 2, 1)), "\"192.0.2.1\"");
  EXPECT_EQ(address(AddressFamily::kIpv6, test::ipv6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})),
            "\"2001:db8::1\"");
  EXPECT_EQ(address(AddressFamily::kIpv6, {}), "\"::\"");
}

TEST(JsonText, EscapesWhatWouldEndAStringOrTheLine) {
  EXPECT_EQ(json_string("eth0"), "\"eth0\"");
  EXPECT_EQ(json_string(R"(a"b\c)"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("a\nb\x1b"), R"("a\\nb\\x1b")");
  EXPECT_EQ(json_string("na\xc3\xafve"), "\"na\xc3\xafve\"");
  EXPECT_EQ(json_string("\xff\xfe"), R"("\\xff\\xfe")");
}

TEST(JsonText, IsReadByAnotherParserWhateverTheText) {
  for (int one = 0; one < 256; ++one) {
    for (int other = 0; other < 256; ++other) {
      const std::string text{static_cast<char>(one), static_cast<char>(other)};
      const std::string line = json_string(text);
      EXPECT_EQ(line.find('\n'), std::string::npos);
      EXPECT_TRUE(nlohmann::json::accept(line)) << one << " " << other;
    }
  }
}

}  // namespace
}  // namespace ctflow::json_text
