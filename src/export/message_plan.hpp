// SPDX-License-Identifier: GPL-2.0-or-later
// What goes to a collector besides Flow Records, and how often.
#pragma once

#include "ctflow/config.hpp"
#include "ctflow/encoder.hpp"

namespace ctflow {

struct MessagePlan {
  bool templates = false;   ///< they are repeated; if not, the transport sends them itself
  OptionsKinds options{};   ///< these go out when a Transport Session begins
  OptionsKinds repeated{};  ///< … and these again after `options_interval`
};

/// All options that the configuration asks for.
OptionsKinds configured_options(const CollectorConfig& config);

/// Over UDP all of it may be lost, and is repeated.
MessagePlan plan_for_datagrams(const CollectorConfig& config);

/// A Transport Session begins with the templates and the sampling rate by itself, and loses no
/// message on its way: only statistics change.
MessagePlan plan_for_sessions(const CollectorConfig& config);

}  // namespace ctflow
