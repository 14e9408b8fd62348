// SPDX-License-Identifier: GPL-2.0-or-later
// How often a test does the same with other values.
#pragma once

namespace ctflow::test {

/// A tenth of `ordinary` under AddressSanitizer and ThreadSanitizer, where each takes many times as
/// long. They look for what any round would show.
constexpr int rounds(int ordinary) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return ordinary / 10;
#else
  return ordinary;
#endif
}

}  // namespace ctflow::test
