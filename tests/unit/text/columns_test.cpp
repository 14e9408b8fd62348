// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/columns.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

TEST(Cut, EndsWithAnEllipsisWhenSomethingIsMissing) {
  EXPECT_EQ(cut("abcde", 5), "abcde");
  EXPECT_EQ(cut("abcdef", 5), "abcd…");
  EXPECT_EQ(cut("äöüßx", 5), "äöüßx") << "characters count, not octets";
  EXPECT_EQ(cut("äöüßxy", 5), "äöüß…");
}

TEST(Wrapped, BreaksBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 2, 8), "one two\n  three\n");
  EXPECT_EQ(wrapped("one two", 2, 7), "one two\n");
  EXPECT_EQ(wrapped("  one two", 2, 6), "  one\n   two\n") << "the indent leaves half of the line";
  EXPECT_EQ(wrapped("a\nb\n", 2, 7), "a\nb\n");
  EXPECT_EQ(wrapped("", 2, 7), "");
  EXPECT_EQ(wrapped("a\n\nb", 2, 7), "a\n\nb\n");
}

TEST(Wrapped, KeepsANumberWithItsGroupsAndItsUnit) {
  EXPECT_EQ(wrapped("of 1 073 741 824", 2, 10), "of\n  1 073\n  741 824\n") << "longer than a line";
  EXPECT_EQ(wrapped("used of 1 073 741 octets", 2, 14), "used of\n  1 073 741\n  octets\n");
  EXPECT_EQ(wrapped("memory 1.9 KiB, 7 s ago", 2, 11), "memory\n  1.9 KiB,\n  7 s ago\n");
  EXPECT_EQ(wrapped("from 10 to", 2, 8), "from 10\n  to\n");
}

TEST(Wrapped, BreaksAWordThatIsLongerThanALine) {
  EXPECT_EQ(wrapped("abcdefghij", 2, 4), "abcd\n  ef\n  gh\n  ij\n");
  EXPECT_EQ(wrapped("ab      ", 2, 4), "ab  \n") << "spaces at the end are no line";
}

}  // namespace
}  // namespace ctflow::text
