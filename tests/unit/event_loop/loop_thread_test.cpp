// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/loop_thread.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "event_loop/timer.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

/// Most of what the two threads share is no atomic: that nothing else is needed is what
/// ThreadSanitizer is to find.
class LoopThreadTest : public testing::Test {
 protected:
  void start(std::chrono::milliseconds patience = LoopThread::kPatience) {
    thread_ = std::make_unique<LoopThread>("red", patience);
    thread_->start(owner_);
  }

  /// In the thread, behind what is ready there.
  void post(std::function<void()> work) { boost::asio::post(thread_->loop(), std::move(work)); }

  /// The thread counts, always.
  void count() {
    post([this] {
      in_handler_ = true;
      ++counted_;
      std::this_thread::yield();
      in_handler_ = false;
      count();
    });
  }

  /// What the thread makes the loop of the owner throw; empty: nothing.
  std::string thrown() {
    try {
      owner_.restart();
      owner_.run_for(10ms);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  /// A handler that ends when `end_` is set, and has begun.
  void block() {
    post([this] {
      begun_.set_value();
      end_.get_future().wait();
    });
    begun_.get_future().wait();
  }

  int counted_ = 0;
  bool in_handler_ = false;
  std::promise<void> begun_;
  std::promise<void> end_;
  boost::asio::io_context owner_;
  std::unique_ptr<LoopThread> thread_;  ///< the last member: its handlers use the others
};

TEST_F(LoopThreadTest, StandsBetweenTwoHandlersWhileItIsPaused) {
  start();
  count();
  for (int i = 0; i < 20; ++i) {
    const auto paused = thread_->pause();
    EXPECT_FALSE(in_handler_);
    const int before = counted_;
    std::this_thread::sleep_for(1ms);
    EXPECT_EQ(counted_, before);
  }
  EXPECT_TRUE(thread_->stop());
}

TEST_F(LoopThreadTest, GoesOnAfterEachOfThousandPauses) {
  start();
  count();
  int mine = 0;
  int last = -1;
  for (int i = 0; i < 1000; ++i) {
    const auto paused = thread_->pause();
    ++counted_;
    ++mine;
    // Between two pauses it comes to at least what was ready: a handler is, always.
    EXPECT_GT(counted_, last + 1) << i;
    last = counted_;
  }
  EXPECT_TRUE(thread_->stop());
  EXPECT_GT(counted_, 2 * mine - 2);
}

TEST_F(LoopThreadTest, StandsUntilTheOutermostPauseIsOver) {
  start();
  count();
  auto outer = thread_->pause();
  { const auto inner = thread_->pause(); }
  const int before = counted_;
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(counted_, before);
  auto moved = std::move(outer);
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(counted_, before);
  moved = LoopThread::Pause();
  std::promise<void> ran;
  post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(thread_->stop());
}

TEST_F(LoopThreadTest, WaitsForTheHandlerThatRuns) {
  start();
  block();
  std::thread later([this] {
    std::this_thread::sleep_for(30ms);
    counted_ = 7;
    end_.set_value();
  });
  const auto paused = thread_->pause();
  EXPECT_EQ(counted_, 7);
  later.join();
}

TEST_F(LoopThreadTest, GivesUpAPauseThatAHandlerDelaysForTooLong) {
  start(20ms);
  block();
  EXPECT_THROW((void)thread_->pause(), LoopThread::Busy);
  EXPECT_THROW((void)thread_->pause(), LoopThread::Busy);
  end_.set_value();
  // It does not stand in a pause that nobody waits for any more.
  std::promise<void> ran;
  post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(10s), std::future_status::ready);
  count();
  const auto paused = thread_->pause();
  EXPECT_FALSE(in_handler_);
}

TEST_F(LoopThreadTest, StopsDuringAPause) {
  start();
  count();
  {
    const auto paused = thread_->pause();
    EXPECT_TRUE(thread_->stop());
    const int before = counted_;
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(counted_, before);
  }
  // From now on the owner may do as it likes.
  const auto paused = thread_->pause();
  thread_->loop().restart();
  const int before = counted_;
  EXPECT_EQ(thread_->loop().poll_one(), 1U);
  EXPECT_EQ(counted_, before + 1);
}

TEST_F(LoopThreadTest, ReportsThatItDoesNotStop) {
  start(200ms);
  block();
  EXPECT_FALSE(thread_->stop());
  end_.set_value();
  EXPECT_TRUE(thread_->stop());
}

TEST_F(LoopThreadTest, TellsOfAnExceptionAndNeverWaitsForOneThatEnded) {
  start();
  post([] { throw std::runtime_error("the file is damaged"); });
  const auto began = std::chrono::steady_clock::now();
  { const auto paused = thread_->pause(); }
  { const auto paused = thread_->pause(); }
  EXPECT_EQ(thrown(), "the file is damaged");
  EXPECT_TRUE(thread_->stop());
  EXPECT_LT(std::chrono::steady_clock::now() - began, LoopThread::kPatience / 2);
}

TEST_F(LoopThreadTest, EndsByAnExceptionWhileAPauseWaits) {
  start();
  post([this] {
    begun_.set_value();
    end_.get_future().wait();
    throw std::runtime_error("the file is damaged");
  });
  begun_.get_future().wait();
  std::thread later([this] {
    std::this_thread::sleep_for(30ms);
    end_.set_value();
  });
  EXPECT_NO_THROW((void)thread_->pause());
  later.join();
  EXPECT_EQ(thrown(), "the file is damaged");
}

TEST_F(LoopThreadTest, RunsWhatIsBegunDuringAPause) {
  start();
  count();
  std::optional<Timer> timer;
  std::promise<std::thread::id> called;
  {
    const auto paused = thread_->pause();
    timer.emplace(thread_->loop());
    timer->after(1ms, [&] { called.set_value(std::this_thread::get_id()); });
  }
  EXPECT_NE(called.get_future().get(), std::this_thread::get_id());
  {
    const auto paused = thread_->pause();
    timer->after(1ms, [&] { counted_ = -1'000'000'000; });
    timer.reset();
  }
  std::this_thread::sleep_for(10ms);
  const auto paused = thread_->pause();
  EXPECT_GT(counted_, 0);
}

TEST_F(LoopThreadTest, IsGivenNoSignal) {
  start();
  std::promise<bool> blocked;
  post([&] {
    sigset_t mask{};
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1);
  });
  EXPECT_TRUE(blocked.get_future().get());
  sigset_t mask{};
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

TEST_F(LoopThreadTest, DoesNothingBeforeItIsStarted) {
  thread_ = std::make_unique<LoopThread>("red");
  post([this] { ++counted_; });
  {
    const auto paused = thread_->pause();
    EXPECT_EQ(counted_, 0);
  }
  EXPECT_TRUE(thread_->stop());
  EXPECT_EQ(counted_, 0);
}

}  // namespace
}  // namespace ctflow
