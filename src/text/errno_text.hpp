// SPDX-License-Identifier: GPL-2.0-or-later
// What errno(3) says, for people.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace ctflow::text {

/// Of this number, or of the last call that failed.
inline std::string errno_text(int error = errno) { return std::generic_category().message(error); }

}  // namespace ctflow::text
