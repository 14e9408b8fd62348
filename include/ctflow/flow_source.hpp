// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the start of the path: where finished connections come from.
#pragma once

#include <functional>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Called once per finished connection. Must not throw; the flow may be changed by the callee.
using FlowHandler = std::function<void(Flow&)>;

/// Produces flows from the daemon's event loop. A fake in tests replaces the kernel.
class FlowSource {
 public:
  virtual ~FlowSource() = default;

  /// Starts delivering to `handler`, which must stay valid until stop() returns.
  /// Throws std::system_error when the source cannot be opened.
  virtual void start(FlowHandler handler) = 0;

  /// Delivers what is already waiting, then stops. Does not wait for more.
  virtual void stop() = 0;
};

}  // namespace ctflow
