// SPDX-License-Identifier: GPL-2.0-or-later
// Work at a later time, or in the event loop's next turn.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// One piece of work at a time: another one, cancel() and the destructor take the place of the one
/// before, also when its time has come and it is queued.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Timer(boost::asio::io_context& io) : timer_(io) {}

  template <typename Work>
  void at(Clock::time_point when, Work work) {
    pending_.revoke();
    timer_.expires_at(when);
    timer_.async_wait(
        pending_.guard([work = std::move(work)](
                           const boost::system::error_code& /*never one*/) mutable { work(); }));
  }

  template <typename Work>
  void after(Clock::duration delay, Work work) {
    at(Clock::now() + delay, std::move(work));
  }

  /// Behind whatever else is ready now.
  template <typename Work>
  void soon(Work work) {
    cancel();
    boost::asio::post(timer_.get_executor(), pending_.guard(std::move(work)));
  }

  void cancel() {
    pending_.revoke();
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  PendingHandlers pending_;
};

}  // namespace ctflow
