// SPDX-License-Identifier: GPL-2.0-or-later
// Log lines as JSON, and as the journal's own messages.
#pragma once

#include <string>
#include <string_view>

namespace ctflow::log {

/// One object on one line: time, level, event and the line's fields, all of them strings; `message`
/// in place of event and fields where the line has none. `time`: RFC 3339.
std::string json_line(std::string_view time, std::string_view level, std::string_view line);

/// A datagram of the journal's protocol (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md): the line as
/// MESSAGE, its priority (syslog(3)), and its event and fields as CTFLOWD_EVENT and CTFLOWD_KEY.
std::string journal_message(int priority, std::string_view line);

}  // namespace ctflow::log
