// SPDX-License-Identifier: GPL-2.0-or-later
// Whether what a command printed arrived.
#pragma once

namespace ctflow {

/// Something printed to std::cout could not be written, as on a full disk. A reader that went away
/// (`| head`) and a closed descriptor lose nothing that is wanted.
bool output_lost();

}  // namespace ctflow
