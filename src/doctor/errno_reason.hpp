// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace ctflow {

/// What errno says, for people.
inline std::string errno_reason() { return std::generic_category().message(errno); }

}  // namespace ctflow
