// SPDX-License-Identifier: GPL-2.0-or-later
// How often a test does the same with other values.
#pragma once

namespace ctflow::test {

/// A tenth of `ordinary` under AddressSanitizer, where each takes many times as long. It looks for
/// what any round would show.
constexpr int rounds(int ordinary) {
#ifdef __SANITIZE_ADDRESS__
  return ordinary / 10;
#else
  return ordinary;
#endif
}

}  // namespace ctflow::test
