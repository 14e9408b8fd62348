// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the start of the path: where flow reports come from.
#pragma once

#include <vector>

#include "ctflow/counters.hpp"
#include "ctflow/extras_source.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/source_status.hpp"

namespace ctflow {

/// Takes flows from a source. Called from the event loop; must not throw.
class FlowSink {
 public:
  virtual ~FlowSink() = default;

  /// One flow report, with times and end reason set, or a beginning. The callee may change the
  /// flow.
  virtual void on_flow(Flow& flow) = 0;
  /// No more flows are waiting just now.
  virtual void on_batch_end() = 0;
  /// What was delivered is about to be stored as exported: it must not wait any longer.
  virtual void on_checkpoint() = 0;
  /// The source has nothing left and will never have (a file was read to its end).
  virtual void on_source_end() = 0;
};

/// Over such connections flow records are sent to a collector, whichever side began them.
struct OwnConnection {
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t protocol = 0;      ///< IANA protocol number
  std::uint16_t remote_port = 0;  ///< of the collector, host byte order
  IpAddress local;
  IpAddress remote;

  friend bool operator==(const OwnConnection&, const OwnConnection&) = default;
};

/// Produces flows from the daemon's event loop. A fake in tests replaces the kernel.
class FlowSource {
 public:
  virtual ~FlowSource() = default;

  /// Whether beginnings are delivered, too, and every end. At first they are not.
  virtual void set_nat_events(bool on) = 0;

  /// Whether ends are delivered also where interim reports had everything. At first they are not.
  virtual void set_every_end(bool /*on*/) {}

  /// What flows may carry beside what conntrack has, read anew.
  [[nodiscard]] virtual Capabilities capabilities() { return {}; }

  /// Connections that are not exported (source.own_traffic), instead of those given before.
  virtual void set_own_traffic(const std::vector<OwnConnection>& /*connections*/) {}

  /// Starts delivering to `sink`, which must stay valid until stop() returns.
  virtual void start(FlowSink& sink) = 0;

  /// Delivers what is already waiting, up to a bound: what ended before this call belongs to the
  /// settings of before.
  virtual void catch_up() {}

  /// Delivers what is already waiting, then stops. Does not wait for more.
  virtual void stop() = 0;

  /// stop() for a source that goes away for good: what is still going on is delivered, too.
  virtual void close() { stop(); }

  [[nodiscard]] virtual const SourceCounters& counters() const = 0;

  /// The state of the kernel's side; defaults for a source without one.
  [[nodiscard]] virtual SourceStatus status() const { return {}; }
};

}  // namespace ctflow
