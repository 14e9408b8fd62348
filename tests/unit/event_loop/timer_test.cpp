// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/timer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

/// Two timers whose time has come: the event loop queues both handlers before it calls the first.
class TimerTest : public testing::Test {
 protected:
  /// What the first handler does to the second timer, whose handler is queued by then.
  void when_both_are_queued(const std::function<void()>& act) {
    first_.at(past(), act);
    second_->at(past(), [this] { ++calls_; });
    io_.run();
  }

  static MonoTime past() { return std::chrono::steady_clock::now() - milliseconds(1); }

  boost::asio::io_context io_;
  Timer first_{io_};
  std::optional<Timer> second_{std::in_place, io_};
  int calls_ = 0;
};

TEST_F(TimerTest, AsioDoesNotTakeBackWhatIsQueued) {
  // Should this fail one day, the tests below prove nothing any more.
  boost::asio::steady_timer raw(io_, past());
  first_.at(past(), [&] { raw.cancel(); });
  bool without_error = false;
  raw.async_wait([&](const boost::system::error_code& error) { without_error = !error; });
  io_.run();
  EXPECT_TRUE(without_error);
}

TEST_F(TimerTest, CallsItsWorkWhenItsTimeHasCome) {
  const auto began = std::chrono::steady_clock::now();
  MonoTime called;
  first_.after(milliseconds(20), [&] { called = std::chrono::steady_clock::now(); });
  io_.run();
  EXPECT_GE(called - began, milliseconds(20));
}

TEST_F(TimerTest, DoesNotCallWhatWasQueuedAndThenCancelled) {
  when_both_are_queued([&] { second_->cancel(); });
  EXPECT_EQ(calls_, 0);
}

TEST_F(TimerTest, CallsOnlyTheNewWorkWhenTheOldWasQueuedAndThenReplaced) {
  when_both_are_queued([&] { second_->at(past(), [&] { calls_ += 100; }); });
  EXPECT_EQ(calls_, 100);
}

TEST_F(TimerTest, CallsOnlyTheWorkOfTheNextTurnWhenTheOldWasQueued) {
  when_both_are_queued([&] { second_->soon([&] { calls_ += 100; }); });
  EXPECT_EQ(calls_, 100);
}

TEST_F(TimerTest, DoesNotCallWhatWasQueuedAndThenDestroyed) {
  when_both_are_queued([&] { second_.reset(); });
  EXPECT_EQ(calls_, 0);
}

TEST_F(TimerTest, DoesNotCallWhatWasForTheNextTurnAndThenCancelledOrReplaced) {
  first_.soon([&] { calls_ += 100; });
  first_.cancel();
  second_->soon([&] { calls_ += 100; });
  second_->at(past(), [&] { ++calls_; });
  io_.run();
  EXPECT_EQ(calls_, 1);
}

TEST_F(TimerTest, ReplacesWhatIsStillToCome) {
  first_.after(hours(1), [&] { calls_ += 100; });
  first_.after(milliseconds(1), [&] { ++calls_; });
  io_.run();
  EXPECT_EQ(calls_, 1);
}

TEST_F(TimerTest, MayBeArmedAgainByItsOwnHandler) {
  const std::function<void()> again = [&] {
    if (++calls_ < 5) first_.after(milliseconds(0), again);
  };
  first_.soon(again);
  io_.run();
  EXPECT_EQ(calls_, 5);
}

TEST_F(TimerTest, MayBeDestroyedByItsOwnHandler) {
  const std::string text = "too long to be held by the object itself, so it has to be allocated";
  std::string seen;
  second_->at(past(), [&, text] {
    second_.reset();
    seen = text;
  });
  io_.run();
  EXPECT_EQ(seen, text);
}

TEST_F(TimerTest, LetsOthersHaveTheirTurn) {
  std::vector<int> order;
  first_.soon([&] {
    order.push_back(1);
    first_.soon([&] { order.push_back(3); });
  });
  second_->soon([&] { order.push_back(2); });
  io_.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(TimerTest, MayBeDestroyedAfterTheEventLoopHasStopped) {
  second_->after(hours(1), [&] { ++calls_; });
  first_.soon([&] { io_.stop(); });
  io_.run();
  second_.reset();
  io_.restart();
  io_.poll();
  EXPECT_EQ(calls_, 0);
}

}  // namespace
}  // namespace ctflow
