// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the answer to a request with NLM_F_DUMP, part by part.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>

#include "ctflow/clock.hpp"
#include "netlink/datagram_batch.hpp"
#include "netlink/netlink_socket.hpp"

namespace ctflow {

/// What one message of an answer is.
struct DumpMessage {
  enum class Kind : std::uint8_t { kObject, kNothing, kEnd };

  Kind kind = Kind::kObject;
  bool interrupted = false;  ///< objects came or went while they were read (NLM_F_DUMP_INTR)
  std::error_code error{};   ///< only of the end: the dump failed
};

/// `message`: with its header.
DumpMessage read_dump_message(Bytes message);

/// One dump at a time, over a socket of its own. The kernel writes the next part (32 KiB) whenever
/// one is received, so reading slowly spreads the work.
class Dump {
 public:
  enum class State : std::uint8_t {
    kMore,     ///< parts follow
    kWaiting,  ///< the next part is not there yet
    kDone,
    kFailed,
  };

  explicit Dump(int protocol) : protocol_(protocol), batch_(1, kPart) {}

  /// Sends the request; the kernel has written the first part when this returns. A socket for each
  /// dump: nothing of one that was given up can come up in the next.
  [[nodiscard]] std::error_code begin(const DumpRequest& request);

  /// The same, but a thread of its own sends the request: the kernel answers those of a subsystem
  /// one by one, in whatever namespace, and one that removes a million connections takes seconds
  /// (nfnl_lock()). receive() gets nothing until then.
  [[nodiscard]] std::error_code begin_beside(const DumpRequest& request);

  /// begin_beside() has not sent its request yet.
  [[nodiscard]] bool asking() const { return asked_ && !asked_->done; }

  /// When the kernel had written the first part; after receive() has got it.
  [[nodiscard]] Instant begun() const { return begun_; }

  /// Receives one part, which parse() reads. The kernel has written the next one when this returns.
  State receive();

  /// Calls `take` with each object of the part that receive() got. `take` may call end().
  State parse(const std::function<void(Bytes message)>& take);

  /// Waits for the next part. False: it did not come within `patience`.
  [[nodiscard]] bool wait(std::chrono::milliseconds patience) const;

  /// Closes the socket.
  void end();

  [[nodiscard]] bool running() const { return socket_ != nullptr; }
  /// After kFailed.
  [[nodiscard]] const std::error_code& error() const { return error_; }
  /// Objects came or went while they were read.
  [[nodiscard]] bool interrupted() const { return interrupted_; }
  /// Octets of the part that was received last.
  [[nodiscard]] std::size_t part_size() const { return part_.size(); }

  static constexpr std::size_t kPart = 32768;  ///< the kernel does not write more at once

 private:
  /// What the thread of a request has in common with this, if that still exists.
  struct Asked {
    std::atomic<bool> done{false};
    std::error_code error{};  ///< when done
    Instant at{};             ///< likewise
  };

  std::error_code open();
  State fail(std::error_code error);

  int protocol_;
  DatagramBatch batch_;
  std::shared_ptr<NetlinkSocket> socket_;
  std::shared_ptr<Asked> asked_;
  Instant begun_{};
  Bytes part_;
  std::error_code error_;
  std::uint32_t sequence_ = 0;
  bool interrupted_ = false;
};

/// A whole dump at once, for checks. An error is the kernel's, std::errc::timed_out, or
/// std::errc::resource_unavailable_try_again where the objects changed while they were read: what
/// was taken may be incomplete.
std::error_code read_dump(int protocol, const DumpRequest& request,
                          const std::function<void(Bytes message)>& take);

}  // namespace ctflow
