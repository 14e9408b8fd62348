// SPDX-License-Identifier: GPL-2.0-or-later
// Times as text for people, files and JSON. They are those of UTC, or of a time zone where the
// caller has added its offset. What a line or a row of a flow needs is in text/append.hpp.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace ctflow::text {

/// 2026-11-26, or with something else between its parts.
std::string date_text(std::chrono::sys_days day, std::string_view between = "-");

/// 22:15
std::string clock_text(std::chrono::sys_seconds time);

/// 2026-11-26 22:15
std::string minute_text(std::chrono::sys_seconds time);

/// 2026-11-26 22:15:00
std::string second_text(std::chrono::sys_seconds time);

/// 2026-11-26T22:15:00Z
std::string utc_text(std::chrono::sys_seconds time);

/// 2026-11-26T22:15:00.123Z
std::string exact_utc_text(std::chrono::sys_time<std::chrono::milliseconds> time);

/// 20261126T221500Z, for names of files.
std::string compact_utc_text(std::chrono::sys_seconds time);

/// What strftime(3) makes of the pattern; empty: it is longer than a name of a file can be.
std::string time_by_pattern(std::chrono::sys_seconds time, const std::string& pattern);

}  // namespace ctflow::text
