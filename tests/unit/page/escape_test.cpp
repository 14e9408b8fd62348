// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/escape.hpp"

#include <gtest/gtest.h>

namespace ctflow::page {
namespace {

TEST(PageEscape, MakesReferencesOfWhatHtmlReads) {
  EXPECT_EQ(html("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;");
  EXPECT_EQ(html("\"Anna's\" R&D &lt;"), "&quot;Anna&#39;s&quot; R&amp;D &amp;lt;");
}

TEST(PageEscape, ShowsOctetsThatAreNoText) {
  EXPECT_EQ(html("tv\xff\xc3"), "tv\\xff\\xc3");
  EXPECT_EQ(html(std::string_view("a\0b\n\x1b", 5)), "a\\x00b\\n\\x1b");
}

TEST(PageEscape, ReplacesWhatHtmlDoesNotAllow) {
  EXPECT_EQ(html("a\xef\xbf\xbf\xef\xb7\x90"), "a\xef\xbf\xbd\xef\xbf\xbd");  // U+FFFF, U+FDD0
}

TEST(PageEscape, CutsBetweenCharactersAndNeverInAReference) {
  EXPECT_EQ(html("Wohnzimmer-Fernseher", 10), "Wohnzimme…");
  EXPECT_EQ(html("äöü<<<<", 5), "äöü&lt;…");
  std::string long_name;
  for (int i = 0; i < 200; ++i) long_name += '<';
  std::string expected;
  for (int i = 0; i < 63; ++i) expected += "&lt;";
  EXPECT_EQ(html(long_name), expected + "…");
}

TEST(PageEscape, LeavesOtherLettersAsTheyAre) { EXPECT_EQ(html("Küche-日本"), "Küche-日本"); }

}  // namespace
}  // namespace ctflow::page
