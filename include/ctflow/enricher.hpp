// SPDX-License-Identifier: GPL-2.0-or-later
// The seam in the middle of the path: what the connection table does not have.
#pragma once

#include "ctflow/flow.hpp"

namespace ctflow {

/// Adds knowledge to a flow. Runs once per flow report: no allocation, no system call, no
/// exception.
class Enricher {
 public:
  virtual ~Enricher() = default;
  virtual void enrich(Flow& flow) = 0;
};

}  // namespace ctflow
