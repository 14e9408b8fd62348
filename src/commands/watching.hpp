// SPDX-License-Identifier: GPL-2.0-or-later
// What commands that repeat until they are stopped have in common.
#pragma once

#include <chrono>
#include <csignal>
#include <ctime>
#include <ostream>

namespace ctflow {

/// Signals that end a watch, which has a terminal to restore first.
class EndOfWatch {
 public:
  EndOfWatch() {
    sigemptyset(&signals_);
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, one);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  /// True when one of them came within the time.
  [[nodiscard]] bool comes_within(std::chrono::seconds time) const {
    const timespec patience{static_cast<time_t>(time.count()), 0};
    return sigtimedwait(&signals_, nullptr, &patience) > 0;
  }

 private:
  sigset_t signals_{};
};

/// The terminal's second screen, which leaves no trace on the first.
class AlternateScreen {
 public:
  AlternateScreen(std::ostream& out, bool wanted) : out_(out), wanted_(wanted) {
    if (wanted_) out_ << "\x1b[?1049h";
  }
  ~AlternateScreen() {
    if (wanted_) out_ << "\x1b[?1049l" << std::flush;
  }
  AlternateScreen(const AlternateScreen&) = delete;
  AlternateScreen& operator=(const AlternateScreen&) = delete;
  AlternateScreen(AlternateScreen&&) = delete;
  AlternateScreen& operator=(AlternateScreen&&) = delete;

 private:
  std::ostream& out_;
  bool wanted_;
};

}  // namespace ctflow
