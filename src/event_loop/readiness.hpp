// SPDX-License-Identifier: GPL-2.0-or-later
// Waits until something can be read from a descriptor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// One wait at a time: another one, cancel() and the destructor take the place of the one before,
/// also when it is queued. The descriptor stays its owner's, and must outlive this.
///
/// What comes while nothing waits wakes nothing. Asio alone is woken by everything that arrives at
/// a descriptor it knows (its epoll is edge-triggered), so it is given one that stands between: an
/// epoll that fires once for each wait (EPOLLONESHOT, epoll_ctl(2)).
class Readiness {
 public:
  /// Throws std::system_error for a descriptor that cannot be waited for.
  Readiness(boost::asio::io_context& io, int descriptor);
  ~Readiness() = default;

  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  Readiness(Readiness&&) = delete;
  Readiness& operator=(Readiness&&) = delete;

  template <typename Work>
  void wait(Work work) {
    cancel();
    open_gate();
    gate_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     pending_.guard([this, work = std::move(work)](
                                        const boost::system::error_code& error) mutable {
                       if (error) return;
                       close_gate();
                       work();
                     }));
  }

  void cancel() {
    pending_.revoke();
    boost::system::error_code ignored;
    gate_.cancel(ignored);
  }

 private:
  void open_gate();   ///< it fires once
  void close_gate();  ///< takes what fired

  int descriptor_;
  boost::asio::posix::stream_descriptor gate_;
  PendingHandlers pending_;
};

}  // namespace ctflow
