// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the start of the path: where finished connections come from.
#pragma once

#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/source_status.hpp"

namespace ctflow {

/// Takes flows from a source. Called from the event loop; must not throw.
class FlowSink {
 public:
  virtual ~FlowSink() = default;

  /// One finished connection, with times and end reason set. The callee may change the flow.
  virtual void on_flow(Flow& flow) = 0;
  /// No more flows are waiting just now.
  virtual void on_batch_end() = 0;
  /// What was delivered is about to be kept as told: it must not wait any longer.
  virtual void on_checkpoint() = 0;
  /// The source has nothing left and will never have (a file was read to its end).
  virtual void on_source_end() = 0;
};

/// Produces flows from the daemon's event loop. A fake in tests replaces the kernel.
class FlowSource {
 public:
  virtual ~FlowSource() = default;

  /// Whether to tell also when connections begin, and of each that it ended. At first it does not.
  virtual void set_nat_events(bool on) = 0;

  /// Starts delivering to `sink`, which must stay valid until stop() returns.
  virtual void start(FlowSink& sink) = 0;

  /// Delivers what is already waiting, then stops. Does not wait for more.
  virtual void stop() = 0;

  /// stop() for a source that goes away for good: what is still going on is delivered, too.
  virtual void close() { stop(); }

  [[nodiscard]] virtual const SourceCounters& counters() const = 0;

  /// What there is to say of the kernel's side; nothing for a source without one.
  [[nodiscard]] virtual SourceStatus status() const { return {}; }
};

}  // namespace ctflow
