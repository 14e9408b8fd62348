// SPDX-License-Identifier: GPL-2.0-or-later
// Whether all of several event loops still turn.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// One call at a time: another one and the destructor take the place of the one before.
class RollCall {
 public:
  /// `io`: of the one who asks, in whose thread this is used. It must outlive the loops.
  explicit RollCall(boost::asio::io_context& io) : io_(io) {}

  /// Calls `work` from `io` as soon as each of the loops has come to it; for none at once.
  void call(const std::vector<boost::asio::io_context*>& loops, const std::function<void()>& work) {
    pending_.revoke();
    if (loops.empty()) {
      work();
      return;
    }
    const auto missing = std::make_shared<std::atomic<std::size_t>>(loops.size());
    for (boost::asio::io_context* const loop : loops) {
      boost::asio::post(*loop, [&io = io_, missing, guarded = pending_.guard(work)]() mutable {
        if (--*missing == 0) boost::asio::post(io, std::move(guarded));
      });
    }
  }

 private:
  boost::asio::io_context& io_;
  PendingHandlers pending_;
};

}  // namespace ctflow
