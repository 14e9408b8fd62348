// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the ends of connections that a scan no longer meets may still come.
#pragma once

#include <functional>

namespace ctflow {

class UnreadEnds {
 public:
  virtual ~UnreadEnds() = default;

  /// Calls `seen`, unless another call of look() comes before. `proven`: everything that the kernel
  /// had sent until now was read, and what it will send again is known.
  virtual void look(std::function<void(bool proven)> seen) = 0;
};

}  // namespace ctflow
