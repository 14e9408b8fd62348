// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/errno_text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

namespace ctflow::text {
namespace {

TEST(ErrnoText, SaysWhatTheLastCallFailedWith) {
  ASSERT_EQ(-1, close(-1));
  EXPECT_EQ(errno_text(EBADF), errno_text());
  EXPECT_EQ("Bad file descriptor", errno_text());
}

}  // namespace
}  // namespace ctflow::text
