// SPDX-License-Identifier: GPL-2.0-or-later
// Text that `ctflowd report` and `ctflowd top` have in common.
#pragma once

#include <string>

namespace ctflow {

/// What the heading of an account says that it counts, by the word of --direction.
inline std::string scope_text(const std::string& direction) {
  if (direction == "all") return "all directions";
  return direction == "internet" ? "internet only" : direction + " only";
}

}  // namespace ctflow
