// SPDX-License-Identifier: GPL-2.0-or-later
// Values and keys of a configuration file in messages about it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctflow::config {

/// Longest text that a message repeats, in characters; the rest becomes an ellipsis.
inline constexpr std::size_t kShownCharacters = 48;

/// A value: in double quotes, escaped and shortened.
std::string shown(std::string_view value);

/// A mapping's key as a part of a path: bare when it looks like a setting, else as shown().
std::string shown_key(std::string_view key);

}  // namespace ctflow::config
