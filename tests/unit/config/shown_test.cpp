// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/shown.hpp"

#include <gtest/gtest.h>

namespace ctflow::config {
namespace {

TEST(Shown, EscapesAndShortensValues) {
  EXPECT_EQ(shown("a\n"), "\"a\\n\"");
  const std::string longest(kShownCharacters, 'a');
  EXPECT_EQ(shown(longest), "\"" + longest + "\"");
  EXPECT_EQ(shown(longest + "x"), "\"" + longest + "…\"");
}

TEST(ShownKey, LeavesWordsBare) {
  EXPECT_EQ(shown_key("max_message_size"), "max_message_size");
  EXPECT_EQ(shown_key(""), "\"\"");
  EXPECT_EQ(shown_key("a.b"), "\"a.b\"");
}

}  // namespace
}  // namespace ctflow::config
