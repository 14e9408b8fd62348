// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/roll_call.hpp"

#include <gtest/gtest.h>

#include <array>

namespace ctflow {
namespace {

class RollCallTest : public testing::Test {
 protected:
  void call(int amount) {
    roll_call_.call({&loops_[0], &loops_[1]}, [this, amount] { answered_ += amount; });
  }

  /// Each of these loops comes to what it has to do, then that of the one who asks.
  void turn(std::initializer_list<std::size_t> loops) {
    for (const std::size_t one : loops) {
      loops_.at(one).restart();
      loops_.at(one).poll();
    }
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  std::array<boost::asio::io_context, 2> loops_;
  RollCall roll_call_{io_};
  int answered_ = 0;
};

TEST_F(RollCallTest, IsAnsweredOnceAllHaveCome) {
  call(1);
  turn({1});
  EXPECT_EQ(answered_, 0);
  turn({1});
  EXPECT_EQ(answered_, 0) << "the same one again";
  turn({0});
  EXPECT_EQ(answered_, 1);
  turn({0, 1});
  EXPECT_EQ(answered_, 1);
}

TEST_F(RollCallTest, IsAnsweredAtOnceWhereNobodyIsCalled) {
  roll_call_.call({}, [this] { ++answered_; });
  EXPECT_EQ(answered_, 1);
}

TEST_F(RollCallTest, TakesThePlaceOfTheOneBefore) {
  call(1);
  turn({1});
  call(100);
  turn({0});
  EXPECT_EQ(answered_, 0) << "1 has not come since the second call";
  turn({1});
  EXPECT_EQ(answered_, 100);
}

}  // namespace
}  // namespace ctflow
