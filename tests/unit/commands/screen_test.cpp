// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/screen.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(FitScreen, SaysHowManyLinesAreMissing) {
  EXPECT_EQ(fit_screen("a\nb\nc\n", {3, 80}, "status"), "a\nb\nc\n");
  EXPECT_EQ(fit_screen("a\nb\nc\nd\n", {3, 80}, "status"),
            "a\nb\n… 2 more lines: ctflowd status shows all");
  EXPECT_EQ(fit_screen("a\nb\nc\nd\n", {2, 80}, "top --once"),
            "a\n… 3 more lines: ctflowd top --once shows all");
  EXPECT_EQ(fit_screen("a\nb\n", {1, 80}, "status"), "a\nb\n");
}

TEST(FitScreen, ALineThatIsTooLongTakesMoreRows) {
  EXPECT_EQ(fit_screen("OK\n  abc def\nx\n", {4, 7}, "status"), "OK\n  abc\n   def\nx\n");
  EXPECT_EQ(fit_screen("OK\n  abc def\nx\ny\n", {4, 7}, "status"), "OK\n  abc\n   def\n… 2 mo…");
}

TEST(WithColour, IsForTheVerdictOnly) {
  EXPECT_EQ(with_colour("OK (ctflowd 1)\nmore (x)\n", true),
            "\x1b[1;32mOK\x1b[0m (ctflowd 1)\nmore (x)\n");
  EXPECT_EQ(with_colour("2 PROBLEMS (ctflowd 1)\n", false),
            "\x1b[1;31m2 PROBLEMS\x1b[0m (ctflowd 1)\n");
}

}  // namespace
}  // namespace ctflow
