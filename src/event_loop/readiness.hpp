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
class Readiness {
 public:
  /// Throws boost::system::system_error for a descriptor that cannot be waited for.
  Readiness(boost::asio::io_context& io, int descriptor) : descriptor_(io) {
    descriptor_.assign(descriptor);
  }
  ~Readiness() { descriptor_.release(); }

  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  Readiness(Readiness&&) = delete;
  Readiness& operator=(Readiness&&) = delete;

  template <typename Work>
  void wait(Work work) {
    cancel();
    descriptor_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        pending_.guard([work = std::move(work)](const boost::system::error_code& error) mutable {
          if (!error) work();
        }));
  }

  void cancel() {
    pending_.revoke();
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
  }

 private:
  boost::asio::posix::stream_descriptor descriptor_;
  PendingHandlers pending_;
};

}  // namespace ctflow
