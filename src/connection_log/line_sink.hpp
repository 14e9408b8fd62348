// SPDX-License-Identifier: GPL-2.0-or-later
// Where a connection log's batches of lines go.
#pragma once

#include <string>
#include <vector>

#include "connection_log/line.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/output.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

/// What becomes of each batch is entered in the ledger that the sink was made with. Called from the
/// event loop; never waits, but for stop(), which does so for a moment.
class LineSink {
 public:
  LineSink() = default;
  virtual ~LineSink() = default;

  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;
  LineSink(LineSink&&) = delete;
  LineSink& operator=(LineSink&&) = delete;

  /// Appends the line of a flow report, at most kLongestLine octets with its line feed.
  virtual void append(std::string& to, const Flow& flow, const LineContext& context) {
    append_line(to, flow, context);
  }
  /// What the next of the lines says that deliver() will get. For sinks to which each line is a
  /// message; allocates nothing.
  virtual void add(const MessageContent& /*line*/) {}

  /// Takes whole lines, and leaves an empty buffer.
  virtual void deliver(std::string& lines, const MessageContent& content, const Instant& now) = 0;

  virtual void tick(const Instant& /*now*/) {}
  [[nodiscard]] virtual MonoTime deadline() const { return MonoTime::max(); }
  virtual void reopen() {}
  [[nodiscard]] virtual bool busy() const = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual bool lookup_running() const { return false; }

  [[nodiscard]] virtual std::vector<RemotePeer> peers() const { return {}; }

  /// Peer, whether it can be reached, the last failure, and what waits.
  virtual void describe(OutputStatus& status) const = 0;
};

}  // namespace ctflow
