// SPDX-License-Identifier: GPL-2.0-or-later
// In which form log lines leave, and where to.
#pragma once

#include <cstdint>

namespace ctflow::log {

enum class LineFormat : std::uint8_t {
  kText,     ///< on stderr, with the journal's priorities when the journal reads it
  kJson,     ///< on stderr, one object on each line
  kJournal,  ///< to the journal's socket, with the fields of each line
};

/// For all lines from now on, after configure(). Throws std::system_error when the journal is asked
/// for and not there.
void use(LineFormat format);

}  // namespace ctflow::log
