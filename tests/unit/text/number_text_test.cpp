// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/number_text.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace ctflow::text {
namespace {

TEST(ParseNumber, TakesDigitsAlone) {
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number<std::uint8_t>("0"), 0);
  EXPECT_EQ(parse_number<std::uint8_t>("007"), 7);
  for (const char* const text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "1.0", "1\n"}) {
    EXPECT_EQ(parse_number<std::uint32_t>(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_number<std::uint32_t>(std::string_view("1\0", 2)), std::nullopt);
  EXPECT_EQ(parse_number<std::uint32_t>({}), std::nullopt);
}

TEST(ParseNumber, TakesNothingLargerThanTheMost) {
  EXPECT_EQ(parse_number<std::uint8_t>("255"), 255);
  EXPECT_EQ(parse_number<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(parse_number<std::uint8_t>("32", 32), 32);
  EXPECT_EQ(parse_number<std::uint8_t>("33", 32), std::nullopt);
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551616"), std::nullopt);
}

TEST(ParseNumber, TakesOtherBases) {
  EXPECT_EQ(parse_number<std::uint64_t>("00ff", 0xff, 16), 0xffU);
  EXPECT_EQ(parse_number<std::uint64_t>("fg", UINT64_MAX, 16), std::nullopt);
}

}  // namespace
}  // namespace ctflow::text
