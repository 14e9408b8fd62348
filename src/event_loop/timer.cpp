// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/timer.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace ctflow {

void Timer::at(MonoTime when, Work work) {
  pending_.revoke();
  timer_.expires_at(when);
  timer_.async_wait(pending_.guard(
      [work = std::move(work)](const boost::system::error_code& /*never one*/) { work(); }));
}

void Timer::soon(Work work) {
  cancel();
  boost::asio::post(timer_.get_executor(), pending_.guard(std::move(work)));
}

void Timer::cancel() {
  pending_.revoke();
  timer_.cancel();
}

}  // namespace ctflow
