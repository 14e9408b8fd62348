// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace ctflow {
namespace {

int open_one() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int number) { return fcntl(number, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItOwns) {
  const int number = open_one();
  ASSERT_GE(number, 0);
  {
    const Descriptor owner(number);
    EXPECT_TRUE(owner.is_open());
    EXPECT_EQ(owner.number(), number);
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, OwnsNothingAtFirstAndAfterAFailure) {
  Descriptor none;
  EXPECT_FALSE(none.is_open());
  EXPECT_EQ(none.reset(), 0);
  EXPECT_FALSE(Descriptor(-1).is_open());
}

TEST(Descriptor, IsMoved) {
  const int number = open_one();
  Descriptor first(number);
  Descriptor second(std::move(first));
  EXPECT_EQ(second.number(), number);
  Descriptor third(open_one());
  const int replaced = third.number();
  third = std::move(second);
  EXPECT_EQ(third.number(), number);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_TRUE(is_open(number));
}

TEST(Descriptor, LetsGo) {
  const int number = open_one();
  {
    Descriptor owner(number);
    EXPECT_EQ(owner.release(), number);
    EXPECT_FALSE(owner.is_open());
  }
  EXPECT_TRUE(is_open(number));
  Descriptor again(number);
  EXPECT_EQ(again.reset(), 0);
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, SaysWhenClosingFails) {
  const int number = open_one();
  Descriptor owner(number);
  close(number);
  EXPECT_EQ(owner.reset(), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace ctflow
