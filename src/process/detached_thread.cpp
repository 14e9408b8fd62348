// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/detached_thread.hpp"

#include <thread>
#include <utility>

#include "process/signals_blocked.hpp"

namespace ctflow {

void DetachedThread::start(std::function<void()> work) {
  std::promise<void> end;
  ended_ = end.get_future();  // without a thread it is ready when `end` is gone
  const SignalsBlocked blocked;
  std::thread([work = std::move(work), end = std::move(end)]() mutable {
    std::exchange(work, nullptr)();
    end.set_value();
  }).detach();
}

bool DetachedThread::running() const { return !ended_within(std::chrono::milliseconds(0)); }

void DetachedThread::wait() const {
  if (ended_.valid()) ended_.wait();
}

bool DetachedThread::ended_within(std::chrono::milliseconds patience) const {
  return !ended_.valid() || ended_.wait_for(patience) == std::future_status::ready;
}

}  // namespace ctflow
