// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/detached_thread.hpp"

#include <pthread.h>

#include <memory>
#include <thread>
#include <utility>

#include "process/signals_blocked.hpp"

namespace ctflow {

void start_detached(const char* name, std::function<void()> work) {
  const SignalsBlocked blocked;
  std::thread([name, work = std::move(work)] {
    pthread_setname_np(pthread_self(), name);  // else it has that of the thread that starts it
    work();
  }).detach();
}

void DetachedThread::start(const char* name, std::function<void()> work) {
  auto end = std::make_shared<std::promise<void>>();
  ended_ = end->get_future();  // without a thread it is ready when `end` is gone
  start_detached(name, [work = std::move(work), end = std::move(end)]() mutable {
    std::exchange(work, nullptr)();
    end->set_value();
  });
}

bool DetachedThread::running() const { return !ended_within(std::chrono::milliseconds(0)); }

void DetachedThread::wait() const {
  if (ended_.valid()) ended_.wait();
}

bool DetachedThread::ended_within(std::chrono::milliseconds patience) const {
  return !ended_.valid() || ended_.wait_for(patience) == std::future_status::ready;
}

}  // namespace ctflow
