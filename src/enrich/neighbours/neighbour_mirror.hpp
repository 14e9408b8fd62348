// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps a copy of the neighbour tables of a network namespace, and of its own addresses: reads
// them, then follows their changes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "ctflow/clock.hpp"
#include "enrich/neighbours/neighbours.hpp"
#include "event_loop/readiness.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "netlink/datagram_batch.hpp"
#include "netlink/netlink_socket.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

class NeighbourMirror {
 public:
  /// Reads the tables of `home`, or later when they cannot be read now. Throws std::system_error
  /// where no socket can be opened.
  NeighbourMirror(boost::asio::io_context& io, const NetworkNamespace& home);

  [[nodiscard]] const Neighbours& table() const { return table_; }

 private:
  void read_all();
  void wait();
  void drain();
  /// False: nothing was waiting.
  bool read_batch();
  void on_datagram(Bytes datagram);
  /// Asks for everything again: something was missed.
  void request_dump();
  void request_step();
  void end_step(const std::error_code& error, TimePoint now);
  /// Tries again a little later.
  void on_unread(const std::error_code& error);
  /// Now and then, forgets what was gone for too long.
  void expire_later();

  NetlinkSocket socket_;
  DatagramBatch batch_;
  Neighbours table_;
  std::size_t step_ = 0;  ///< of the dump
  std::uint32_t sequence_ = 0;
  bool reading_ = false;  ///< a dump runs
  bool again_ = false;    ///< something was missed while it ran
  bool unread_ = false;   ///< the last one failed
  log::RateLimit error_log_;
  log::RateLimit unread_log_;
  Readiness readable_;  ///< of the socket
  Timer turn_;
  Timer later_;  ///< for a dump
  Timer expiry_;
};

}  // namespace ctflow
