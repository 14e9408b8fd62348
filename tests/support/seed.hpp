// SPDX-License-Identifier: GPL-2.0-or-later
// The seed of a random test: CTFLOWD_SEED to repeat one that failed, else any.
#pragma once

#include <cstdlib>
#include <random>
#include <string>

namespace ctflow::test {

inline unsigned any_seed() {
  const char* const given = std::getenv("CTFLOWD_SEED");
  if (given == nullptr) return std::random_device{}();
  return static_cast<unsigned>(std::stoul(given));
}

}  // namespace ctflow::test
