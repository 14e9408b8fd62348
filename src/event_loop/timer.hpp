// SPDX-License-Identifier: GPL-2.0-or-later
// Work at a later time, or in the event loop's next turn.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <utility>

#include "ctflow/clock.hpp"
#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// One piece of work at a time: another one, cancel() and the destructor take the place of the one
/// before, also when its time has come and it is queued.
class Timer {
 public:
  explicit Timer(boost::asio::io_context& io) : timer_(io) {}

  using Work = std::function<void()>;

  void at(MonoTime when, Work work);
  void after(MonoTime::duration delay, Work work) {
    at(std::chrono::steady_clock::now() + delay, std::move(work));
  }
  /// Behind whatever else is ready now.
  void soon(Work work);
  void cancel();

 private:
  boost::asio::steady_timer timer_;
  PendingHandlers pending_;
};

}  // namespace ctflow
