// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the whole connection table, slowly and in small parts (ctnetlink_dump_table()), or the
// connections that wait for the delivery of their end (ctnetlink_dump_dying()).
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <system_error>

#include "conntrack/flow/written.hpp"
#include "ctflow/clock.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "netlink/dump.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// Takes what a dump reads.
class DumpConsumer {
 public:
  virtual ~DumpConsumer() = default;
  /// One entry: a netlink message, and when the kernel wrote it.
  virtual void on_entry(Bytes message, const Written& written) = 0;
  /// The kernel has begun to write the next part: it contains nothing that was removed before.
  virtual void on_part_requested() = 0;
  /// `complete`: every entry that lived all the time was met.
  virtual void on_dump_end(bool complete) = 0;
};

/// One dump at a time. The kernel writes the next part of the table (32 KiB, about 100 entries)
/// whenever one is read, holding the lock of one hash bucket only, so that reading slowly is what
/// spreads the work.
class TableDump {
 public:
  enum class What : std::uint8_t {
    kConnections,  ///< IPCTNL_MSG_CT_GET
    /// IPCTNL_MSG_CT_GET_DYING. The kernel leaves out the rest of the list when the entry goes at
    /// which the next part was to begin, and does not say so: such a dump is not complete.
    kDying,
  };

  /// `home`: the namespace whose connections
  /// they are. It is visited only to open the socket: the consumer may make sockets of its own.
  explicit TableDump(boost::asio::io_context& io, What what = What::kConnections,
                     NetworkNamespace home = {});

  /// Whether a part of so many octets may have ended because the next entry did not fit. `page`:
  /// octets of a page of memory.
  static bool may_be_cut(std::size_t part, std::size_t page);

  /// Begins a dump of about `entries` entries that is to take `duration`. Counters of the kernel
  /// are read, never zeroed. Returns at once, also where the kernel is busy with another request;
  /// the first dump of connections alone waits for it, so that none that begins later is in its
  /// first part.
  void start(DumpConsumer& consumer, std::size_t entries, std::chrono::milliseconds duration);

  /// A whole dump at once, without returning to the event loop.
  void run(DumpConsumer& consumer);

  /// Ends a dump without a word to the consumer.
  void cancel();

  [[nodiscard]] bool running() const { return dump_.running(); }

 private:
  /// How a dump is begun: Dump::begin() or Dump::begin_beside().
  using Begin = std::error_code (Dump::*)(const DumpRequest&);

  /// Asks for the table. False: failed, and the consumer has got the end of the dump.
  bool request(DumpConsumer& consumer, Begin begin);
  void wait(MonoTime until);
  /// Reads the part that is due by now.
  void read_due();
  /// Reads one part.
  Dump::State read_part();
  void end(Dump::State state);
  void log_failure(const char* what, const std::error_code& error);

  Timer timer_;
  What what_;
  NetworkNamespace home_;
  DumpRequest request_;
  Dump dump_{NETLINK_NETFILTER};
  DumpConsumer* consumer_ = nullptr;
  Written written_{};  ///< the part that waits
  MonoTime next_{};
  std::chrono::steady_clock::duration gap_{};
  bool cancelled_ = false;
  bool first_ = false;  ///< the part that waits
  bool asked_before_ = false;
  bool cut_ = false;  ///< the last part with entries may have been
  log::RateLimit error_log_;
};

}  // namespace ctflow
