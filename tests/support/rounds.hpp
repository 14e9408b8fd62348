// SPDX-License-Identifier: GPL-2.0-or-later
// How often a test does the same with other values.
#pragma once

namespace ctflow::test {

/// A tenth of `ordinary` with sanitizers, where each takes many times as long. It looks for
/// what any round would show.
constexpr int rounds(int ordinary) {
#ifdef CTFLOWD_SANITIZED
  return ordinary / 10;
#else
  return ordinary;
#endif
}

}  // namespace ctflow::test
