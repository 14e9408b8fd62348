// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/beside.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <thread>

#include "support/no_threads.hpp"

namespace ctflow {
namespace {

TEST(RunBeside, RunsInAThreadThatGetsNoSignals) {
  struct Seen {
    std::thread::id thread;
    bool blocked = false;
  };
  const Seen seen = run_beside("test", [] {
                      sigset_t blocked{};
                      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                      return Seen{std::this_thread::get_id(), sigismember(&blocked, SIGTERM) == 1};
                    }).get();
  EXPECT_NE(seen.thread, std::this_thread::get_id());
  EXPECT_TRUE(seen.blocked);
}

TEST(RunBeside, RunsHereIfNoThreadCanBeHad) {
  const test::NoThreads none;
  EXPECT_EQ(run_beside("test", [] { return std::this_thread::get_id(); }).get(),
            std::this_thread::get_id());
}

TEST(RunBeside, IsWaitedFor) {
  bool ended = false;
  {
    const std::future<void> running = run_beside("test", [&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ended = true;
    });
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace ctflow
