// SPDX-License-Identifier: GPL-2.0-or-later
// Text of the user's as it may appear in a message: on one line, and harmless to a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctflow::config {

/// Longest text that a message repeats, in characters; the rest becomes an ellipsis.
inline constexpr std::size_t kShownCharacters = 48;

/// `text` with every control character, line separator, text direction override and octet that is
/// not UTF-8 written as an escape (\n, \x1b, \u202e). Not shortened: for the name of a file.
std::string printable(std::string_view text);

/// The same in double quotes, with `"` and `\` escaped too, and shortened: for a value.
std::string shown(std::string_view text);

/// A mapping's key as a part of a path: bare when it looks like a setting, else as shown().
std::string shown_key(std::string_view key);

}  // namespace ctflow::config
