// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/append.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

namespace ctflow::text {
namespace {

using namespace std::chrono_literals;

std::string time_text(TimePoint time, char between, Fraction fraction) {
  std::string text = "before ";
  append_time(text, time, between, fraction);
  return text;
}

TEST(AppendedText, HasTimesRoundedDown) {
  const TimePoint time{1'709'251'199'999'999'999ns};  // in the last second of a leap day
  EXPECT_EQ(time_text(time, 'T', Fraction::kMilliseconds), "before 2024-02-29T23:59:59.999");
  EXPECT_EQ(time_text(time, ' ', Fraction::kMicroseconds), "before 2024-02-29 23:59:59.999999");
  EXPECT_EQ(time_text(TimePoint{1'999'999ns}, 'T', Fraction::kMilliseconds),
            "before 1970-01-01T00:00:00.001");
  EXPECT_EQ(time_text(TimePoint{-1ns}, ' ', Fraction::kMicroseconds),
            "before 1970-01-01 00:00:00.000000");
}

TEST(AppendedText, HasNumbersOf64Bits) {
  std::string text;
  append_number(text, 0);
  text += ' ';
  append_number(text, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(text, "0 18446744073709551615");
}

TEST(AppendedText, HasAddresses) {
  IpAddress address;
  address.octets = {192, 0, 2, 7};
  std::string text;
  append_address(text, AddressFamily::kIpv4, address);
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  text += ' ';
  append_address(text, AddressFamily::kIpv6, address);
  text += ' ';
  append_mac(text, 0x02005e0053f1);
  EXPECT_EQ(text, "192.0.2.7 2001:db8::1 02:00:5e:00:53:f1");
}

}  // namespace
}  // namespace ctflow::text
