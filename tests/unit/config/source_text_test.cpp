// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/source_text.hpp"

#include <gtest/gtest.h>

#include "ctflow/config_error.hpp"

namespace ctflow::config {
namespace {

std::string refusal(std::string_view text) {
  try {
    const SourceText source(text, "F");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "taken";
}

TEST(SourceText, CountsLinesAndCharactersFromOne) {
  const SourceText source("ab\r\né€😀x\n", "F");
  EXPECT_EQ(source.position(0), (Position{1, 1}));
  EXPECT_EQ(source.position(1), (Position{1, 2}));
  EXPECT_EQ(source.position(4), (Position{2, 1}));
  EXPECT_EQ(source.position(4 + 2 + 3 + 4), (Position{2, 4}));
  EXPECT_EQ(source.position(15), (Position{3, 1}));
  EXPECT_EQ(source.position(99), (Position{3, 1}));
}

TEST(SourceText, LeavesOutAByteOrderMark) {
  EXPECT_EQ(SourceText("\xef\xbb\xbf"
                       "a",
                       "F")
                .text(),
            "a");
}

TEST(SourceText, RefusesWhatIsNoText) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("a\n\0"sv), "F:2:1: expected text, got the control character \\x00");
  EXPECT_EQ(refusal("a\rb"), "F:1:2: expected text, got the control character \\r");
  EXPECT_EQ(refusal("\x04"), "F:1:1: expected text, got the control character \\x04");
  EXPECT_EQ(refusal("a\x7f"), "F:1:2: expected text, got the control character \\x7f");
  EXPECT_EQ(refusal("\xc2\x85"), "F:1:1: expected text, got the control character \\u0085");
  EXPECT_EQ(refusal("é\xff"), "F:1:2: expected text in UTF-8, got the octet \\xff");
  EXPECT_EQ(refusal("a\tb\r\nc\n"), "taken");
}

TEST(SourceText, FailsWithFilePlaceAndPath) {
  const SourceText source("a: b\n", "F");
  try {
    source.fail(3, "a", "wrong");
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "F:1:4: a: wrong");
  }
  EXPECT_THROW(source.fail(0, "", ""), ConfigError);
}

}  // namespace
}  // namespace ctflow::config
