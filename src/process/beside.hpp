// SPDX-License-Identifier: GPL-2.0-or-later
// Work that takes too long for the event loop.
#pragma once

#include <pthread.h>

#include <chrono>
#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

#include "process/signals_blocked.hpp"

namespace ctflow {

/// Runs `work` in a thread of its own, named as by start_detached(), or here and now if none can be
/// had. The future's destructor waits until it has ended, so that it may use what outlives the
/// future.
template <typename Work>
[[nodiscard]] std::future<std::invoke_result_t<Work>> run_beside(const char* name, Work work) {
  const SignalsBlocked blocked;
  try {
    return std::async(std::launch::async, [name, work] {
      pthread_setname_np(pthread_self(), name);
      return work();
    });
  } catch (const std::system_error& /*no thread*/) {
    std::packaged_task<std::invoke_result_t<Work>()> here(std::move(work));
    here();
    return here.get_future();
  }
}

/// True until its work has ended; false for an empty one.
template <typename Result>
[[nodiscard]] bool still_runs(const std::future<Result>& work) {
  return work.valid() && work.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

}  // namespace ctflow
