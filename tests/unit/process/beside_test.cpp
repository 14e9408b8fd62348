// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/beside.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <limits>
#include <thread>

namespace ctflow {
namespace {

/// While it exists no thread can be had: its stack would be larger than all memory there can be.
class NoThreads {
 public:
  NoThreads() {
    pthread_attr_t huge;
    pthread_getattr_default_np(&before_);
    pthread_attr_init(&huge);
    EXPECT_EQ(pthread_attr_setstacksize(&huge, std::numeric_limits<std::size_t>::max() / 4), 0);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  NoThreads(NoThreads&&) = delete;
  NoThreads& operator=(NoThreads&&) = delete;

 private:
  pthread_attr_t before_{};
};

TEST(RunBeside, RunsInAThreadThatGetsNoSignals) {
  struct Seen {
    std::thread::id thread;
    bool blocked = false;
  };
  const Seen seen = run_beside([] {
                      sigset_t blocked{};
                      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                      return Seen{std::this_thread::get_id(), sigismember(&blocked, SIGTERM) == 1};
                    }).get();
  EXPECT_NE(seen.thread, std::this_thread::get_id());
  EXPECT_TRUE(seen.blocked);
}

TEST(RunBeside, RunsHereIfNoThreadCanBeHad) {
  const NoThreads none;
  EXPECT_EQ(run_beside([] { return std::this_thread::get_id(); }).get(),
            std::this_thread::get_id());
}

TEST(RunBeside, IsWaitedFor) {
  bool ended = false;
  {
    const std::future<void> running = run_beside([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ended = true;
    });
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace ctflow
