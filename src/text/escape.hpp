// SPDX-License-Identifier: GPL-2.0-or-later
// Text of others (users, peers, the kernel) as it may appear in a message, a log line or on a
// terminal: on one line, valid UTF-8, and without characters that control the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctflow::text {

/// `text` with every control character, line separator, text direction override and octet that is
/// not UTF-8 written as an escape (\n, \x1b, \u202e).
std::string printable(std::string_view text);

/// The same in double quotes, with `"` and `\` escaped too. Text of more than `longest` characters
/// ends with an ellipsis.
std::string quoted(std::string_view text, std::size_t longest = std::string_view::npos);

}  // namespace ctflow::text
