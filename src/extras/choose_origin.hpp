// SPDX-License-Identifier: GPL-2.0-or-later
// Who measures in a namespace: the best that the configuration allows and the kernel can.
#pragma once

#include <functional>
#include <string>

#include "ctflow/choices.hpp"
#include "ctflow/extras_source.hpp"

namespace ctflow {

/// Each puts an origin into use. Empty: done. Else why it cannot be, in one line.
struct Origins {
  std::function<std::string()> patch;
  std::function<std::string()> fentry;
  std::function<std::string()> netfilter;
};

struct OriginChoice {
  MeasurementOrigin origin = MeasurementOrigin::kNone;
  std::string obstacle{};  ///< why nothing better: `ORIGIN: reason` for each that was tried
};

/// Tries those that `wanted` allows, the best first, until one is in use.
OriginChoice choose_origin(Measure wanted, const Origins& origins);

/// Logs what cannot be used. What was asked for by name is a warning.
void log_obstacle(Measure wanted, const OriginChoice& choice);

}  // namespace ctflow
