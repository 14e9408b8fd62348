// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/signals.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <csignal>
#include <optional>

namespace ctflow {
namespace {

class SignalsTest : public testing::Test {
 protected:
  /// Runs what is ready; a signal takes its way through a pipe.
  void run() {
    io_.restart();
    io_.run_for(std::chrono::milliseconds(50));
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};  // so that signals are read with and without a wait
  std::optional<Signals> signals_{std::in_place, io_, std::initializer_list<int>{SIGUSR1, SIGUSR2}};
  int got_ = 0;
};

TEST_F(SignalsTest, SaysWhichCame) {
  signals_->wait([this](int number) { got_ = number; });
  std::raise(SIGUSR2);
  run();
  EXPECT_EQ(got_, SIGUSR2);
}

TEST_F(SignalsTest, KeepsOneThatCameBeforeTheWait) {
  std::raise(SIGUSR1);
  run();
  signals_->wait([this](int number) { got_ = number; });
  run();
  EXPECT_EQ(got_, SIGUSR1);
}

TEST_F(SignalsTest, SaysNothingOnceCancelled) {
  std::raise(SIGUSR1);
  run();
  signals_->wait([this](int number) { got_ = number; });  // its handler is queued at once
  signals_->cancel();
  run();
  EXPECT_EQ(got_, 0);
}

TEST_F(SignalsTest, SaysNothingOnceDestroyed) {
  std::raise(SIGUSR1);
  run();
  signals_->wait([this](int number) { got_ = number; });
  signals_.reset();
  run();
  EXPECT_EQ(got_, 0);
}

TEST_F(SignalsTest, MayBeWaitedForAgainByItsOwnHandler) {
  int calls = 0;
  signals_->wait([&](int) {
    ++calls;
    signals_->wait([&](int) { ++calls; });
  });
  std::raise(SIGUSR1);
  run();
  std::raise(SIGUSR1);
  run();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace ctflow
