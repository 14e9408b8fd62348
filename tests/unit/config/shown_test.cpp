// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/shown.hpp"

#include <gtest/gtest.h>

namespace ctflow::config {
namespace {

TEST(Shown, QuotesPlainText) {
  EXPECT_EQ(shown(""), "\"\"");
  EXPECT_EQ(shown("abc"), "\"abc\"");
  EXPECT_EQ(shown("Köln"), "\"Köln\"");
}

TEST(Shown, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(shown("\x1b[2J"), "\"\\x1b[2J\"");
  EXPECT_EQ(shown("\xc2\x9b"), "\"\\u009b\"");
  EXPECT_EQ(shown("a\n\t\r"), "\"a\\n\\t\\r\"");
  EXPECT_EQ(shown("\u202e\u2028\u200b"), "\"\\u202e\\u2028\\u200b\"");
  EXPECT_EQ(shown("a\xff"), "\"a\\xff\"");
}

TEST(Shown, EscapesQuotesAndBackslashes) { EXPECT_EQ(shown("\"\\"), "\"\\\"\\\\\""); }

TEST(Shown, ShortensByCharacters) {
  std::string text;
  for (std::size_t i = 0; i < kShownCharacters; ++i) text += "é";
  EXPECT_EQ(shown(text), "\"" + text + "\"");
  EXPECT_EQ(shown(text + "x"), "\"" + text + "…\"");
}

TEST(Printable, NeitherQuotesNorShortens) {
  const std::string path = "/" + std::string(200, 'a') + "/b c\"\n";
  EXPECT_EQ(printable(path), "/" + std::string(200, 'a') + "/b c\"\\n");
}

TEST(ShownKey, LeavesWordsBare) {
  EXPECT_EQ(shown_key("max_message_size"), "max_message_size");
  EXPECT_EQ(shown_key(""), "\"\"");
  EXPECT_EQ(shown_key("a.b"), "\"a.b\"");
}

}  // namespace
}  // namespace ctflow::config
