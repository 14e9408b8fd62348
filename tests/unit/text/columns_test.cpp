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

TEST(Wrapped, BreaksAWordThatIsLongerThanALine) {
  EXPECT_EQ(wrapped("abcdefghij", 2, 4), "abcd\n  ef\n  gh\n  ij\n");
  EXPECT_EQ(wrapped("ab      ", 2, 4), "ab  \n") << "spaces at the end are no line";
}

TEST(Grouped, HasACommaBetweenThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(18446744073709551615U), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace ctflow::text
