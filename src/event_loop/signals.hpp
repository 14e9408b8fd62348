// SPDX-License-Identifier: GPL-2.0-or-later
// Signals as events of the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <initializer_list>
#include <utility>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// As long as this exists the signals do nothing else; one that comes before wait() is kept for it.
class Signals {
 public:
  Signals(boost::asio::io_context& io, std::initializer_list<int> numbers) : set_(io) {
    for (const int number : numbers) set_.add(number);
  }

  /// Calls `work` with the number of the next signal, unless another wait() or cancel() is faster.
  template <typename Work>
  void wait(Work work) {
    cancel();
    set_.async_wait(pending_.guard(
        [work = std::move(work)](const boost::system::error_code& error, int number) mutable {
          if (!error) work(number);
        }));
  }

  void cancel() {
    pending_.revoke();
    boost::system::error_code ignored;
    set_.cancel(ignored);
  }

 private:
  boost::asio::signal_set set_;
  PendingHandlers pending_;
};

}  // namespace ctflow
