// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps signals from other threads than that of the event loop.
#pragma once

#include <pthread.h>

#include <csignal>

namespace ctflow {

/// Threads that are started while it exists are given no signal: those are for the thread of the
/// event loop.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all{};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  SignalsBlocked(SignalsBlocked&&) = delete;
  SignalsBlocked& operator=(SignalsBlocked&&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace ctflow
