// SPDX-License-Identifier: GPL-2.0-or-later
// A thread that may outlive who started it.
#pragma once

#include <chrono>
#include <functional>
#include <future>

namespace ctflow {

/// Runs `work` in a thread that gets no signals, and that ps(1) and top(1) show as `name`: a
/// literal of at most 15 octets. Throws std::system_error: there is no thread.
void start_detached(const char* name, std::function<void()> work);

/// For work that a disk, a pipe or another program may hold for long: its end is waited for with
/// patience, and no longer. The destructor does not wait. For one thread at a time.
class DetachedThread {
 public:
  /// Like start_detached(). `work` owns all that it uses, and is destroyed before the thread has
  /// ended. Not while another runs.
  void start(const char* name, std::function<void()> work);

  [[nodiscard]] bool running() const;
  void wait() const;
  /// Waits no longer than `patience`. True: it has ended, or was never started.
  bool ended_within(std::chrono::milliseconds patience) const;

 private:
  std::future<void> ended_;
};

}  // namespace ctflow
