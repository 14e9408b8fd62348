// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace ctflow {

/// Gives the kernel back what was freed since the start, which glibc's allocator keeps. musl's does
/// so by itself.
inline void give_back_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace ctflow
