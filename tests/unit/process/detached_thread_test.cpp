// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/detached_thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "support/no_threads.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

/// What a thread waits for as for a disk, until the test lets it go on.
class Disk {
 public:
  Disk() { mutex_->lock(); }
  ~Disk() { answer(); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  Disk(Disk&&) = delete;
  Disk& operator=(Disk&&) = delete;

  [[nodiscard]] std::function<void()> work() const {
    return [mutex = mutex_] { const std::lock_guard held(*mutex); };
  }
  void answer() {
    if (!std::exchange(answered_, true)) mutex_->unlock();
  }

 private:
  std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
  bool answered_ = false;
};

TEST(DetachedThread, HasEndedBeforeItIsStarted) {
  const DetachedThread thread;
  EXPECT_FALSE(thread.running());
  EXPECT_TRUE(thread.ended_within(0ms));
  thread.wait();
}

TEST(DetachedThread, IsWaitedForNoLongerThanPatienceLasts) {
  Disk disk;
  DetachedThread thread;
  thread.start("test", disk.work());
  EXPECT_TRUE(thread.running());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(thread.ended_within(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
  disk.answer();
  EXPECT_TRUE(thread.ended_within(10s));
  EXPECT_FALSE(thread.running());
}

TEST(DetachedThread, GoesOnWithoutItsOwner) {
  Disk disk;
  std::weak_ptr<int> used;
  {
    const auto owned = std::make_shared<int>(1);
    used = owned;
    DetachedThread thread;
    thread.start("test", [wait = disk.work(), owned] { wait(); });
  }
  EXPECT_FALSE(used.expired());
  disk.answer();
  const auto latest = std::chrono::steady_clock::now() + 10s;
  while (!used.expired() && std::chrono::steady_clock::now() < latest) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(used.expired());
}

TEST(DetachedThread, HasLetGoOfWhatItUsedWhenItHasEnded) {
  struct Slow {
    explicit Slow(std::atomic<bool>& to) : gone(to) {}
    ~Slow() {
      std::this_thread::sleep_for(20ms);
      gone = true;
    }
    Slow(const Slow&) = delete;
    Slow& operator=(const Slow&) = delete;
    Slow(Slow&&) = delete;
    Slow& operator=(Slow&&) = delete;
    std::atomic<bool>& gone;
  };
  std::atomic<bool> gone{false};
  DetachedThread thread;
  thread.start("test", [slow = std::make_shared<Slow>(gone)] {});
  thread.wait();
  EXPECT_TRUE(gone);
}

TEST(DetachedThread, RunsAgainWhenItHasEnded) {
  int runs = 0;
  DetachedThread thread;
  for (int i = 1; i <= 3; ++i) {
    thread.start("test", [&] { ++runs; });
    thread.wait();
    EXPECT_EQ(runs, i);
  }
}

TEST(DetachedThread, GetsNoSignals) {
  bool blocked = false;
  DetachedThread thread;
  thread.start("test", [&] {
    sigset_t now{};
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    blocked = sigismember(&now, SIGTERM) == 1;
  });
  thread.wait();
  EXPECT_TRUE(blocked);
}

TEST(DetachedThread, HasANameOfItsOwn) {
  std::array<char, 16> name{};
  DetachedThread thread;
  thread.start("fifteen octets!",
               [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  thread.wait();
  EXPECT_STREQ(name.data(), "fifteen octets!");
}

TEST(DetachedThread, HasEndedIfItCannotBeStarted) {
  DetachedThread thread;
  {
    const test::NoThreads none;
    EXPECT_THROW(thread.start("test", [] {}), std::system_error);
  }
  EXPECT_TRUE(thread.ended_within(0ms));
}

}  // namespace
}  // namespace ctflow
