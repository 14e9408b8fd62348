// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/escape.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

TEST(Quoted, QuotesPlainText) {
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("abc"), "\"abc\"");
  EXPECT_EQ(quoted("Köln"), "\"Köln\"");
}

TEST(Quoted, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quoted("\x1b[2J"), "\"\\x1b[2J\"");
  EXPECT_EQ(quoted("\xc2\x9b"), "\"\\u009b\"");
  EXPECT_EQ(quoted("a\n\t\r"), "\"a\\n\\t\\r\"");
  EXPECT_EQ(quoted("\u202e\u2028\u200b"), "\"\\u202e\\u2028\\u200b\"");
  EXPECT_EQ(quoted("a\xff"), "\"a\\xff\"");
}

TEST(Quoted, EscapesQuotesAndBackslashes) { EXPECT_EQ(quoted("\"\\"), "\"\\\"\\\\\""); }

TEST(Quoted, ShortensByCharacters) {
  std::string text;
  for (int i = 0; i < 48; ++i) text += "é";
  EXPECT_EQ(quoted(text, 48), "\"" + text + "\"");
  EXPECT_EQ(quoted(text + "x", 48), "\"" + text + "…\"");
}

TEST(Printable, NeitherQuotesNorShortens) {
  const std::string path = "/" + std::string(200, 'a') + "/b c\"\n";
  EXPECT_EQ(printable(path), "/" + std::string(200, 'a') + "/b c\"\\n");
}

}  // namespace
}  // namespace ctflow::text
