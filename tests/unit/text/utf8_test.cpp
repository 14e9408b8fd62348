// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/utf8.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

TEST(FirstCodePoint, DecodesEveryLength) {
  EXPECT_EQ(first_code_point("a").value, U'a');
  EXPECT_EQ(first_code_point("é").value, U'é');
  EXPECT_EQ(first_code_point("€").value, U'€');
  EXPECT_EQ(first_code_point("😀").value, U'😀');
  EXPECT_EQ(first_code_point("\xf4\x8f\xbf\xbf").value, char32_t{0x10ffff});
  EXPECT_EQ(first_code_point("😀x").length, 4U);
}

TEST(FirstCodePoint, RefusesWhatIsNotUtf8) {
  for (const char* text :
       {"", "\x80", "\xff", "\xc3", "\xc3x", "\xe2\x82", "\xc0\x80", "\xe0\x80\x80",
        "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80"}) {
    EXPECT_EQ(first_code_point(text).length, 0U) << testing::PrintToString(text);
  }
}

TEST(IsControl, KnowsC0DelAndC1) {
  EXPECT_TRUE(is_control(0));
  EXPECT_TRUE(is_control(0x1f));
  EXPECT_TRUE(is_control(0x7f));
  EXPECT_TRUE(is_control(0x9f));
  EXPECT_FALSE(is_control(' '));
  EXPECT_FALSE(is_control('~'));
  EXPECT_FALSE(is_control(0xa0));
}

}  // namespace
}  // namespace ctflow::text
