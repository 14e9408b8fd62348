// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that only the start needed.
#pragma once

namespace ctflow {

/// Gives the kernel back what was needed until now and probably not again: what was freed, and the
/// pages of program and libraries, of which a start needs most and an exporter few. Those that are
/// used again are mapped again, which takes microseconds while they are cached.
void give_back_memory();

}  // namespace ctflow
