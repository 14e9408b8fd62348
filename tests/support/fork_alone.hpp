// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

namespace ctflow::test {

#ifdef __SANITIZE_THREAD__
inline constexpr int kMost = 2;  // ThreadSanitizer has one of its own, once there are any
#else
inline constexpr int kMost = 1;
#endif

/// As fork(2), when no other thread is left: a thread that is ending may hold a lock of the
/// sanitizers' allocator, which no thread of the new process would ever give back.
inline pid_t fork_alone() {
  using Threads = std::filesystem::directory_iterator;
  const auto alone = [] { return std::distance(Threads("/proc/self/task"), Threads()) <= kMost; };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!alone()) {
    if (std::chrono::steady_clock::now() > until) {
      ADD_FAILURE() << "another thread does not end";
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return fork();
}

}  // namespace ctflow::test
