// SPDX-License-Identifier: GPL-2.0-or-later
// How a guest test tells the program what to do: lines on standard input, and a signal to stop.
#pragma once

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

class Control {
 public:
  Control() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    waiting_[0].fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  }

  /// Until there is something to read of `descriptor` (-1: of none), or to do. False: a signal
  /// came.
  bool wait(int descriptor, std::chrono::duration<double> patience) {
    waiting_[2].fd = descriptor;
    ::poll(waiting_.data(), waiting_.size(), static_cast<int>(patience.count() * 1000));
    return waiting_[0].revents == 0;
  }

  /// Calls `obey` with each command that has come.
  template <typename Obey>
  void read_commands(Obey obey) {
    if (waiting_[1].revents == 0) return;
    std::array<char, 256> text{};
    const ssize_t size = ::read(STDIN_FILENO, text.data(), text.size());
    if (size <= 0) {
      waiting_[1].fd = -1;
      return;
    }
    text_.append(text.data(), static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = text_.find('\n')) != std::string::npos;) {
      const std::string command = text_.substr(0, end);
      text_.erase(0, end + 1);
      obey(command);
    }
  }

 private:
  std::array<pollfd, 3> waiting_{pollfd{-1, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0},
                                 pollfd{-1, POLLIN, 0}};
  std::string text_;
};
