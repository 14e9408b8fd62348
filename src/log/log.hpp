// SPDX-License-Identifier: GPL-2.0-or-later
// Log lines for operators: `event_name key=value …` on stderr, with the journal's priorities when
// the journal reads them. Event names are stable; docs/operations.md lists them.
#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ctflow/clock.hpp"
#include "ctflow/log_level.hpp"

namespace ctflow::log {

/// Sends all log lines to stderr from `level` up. Call once before the first line and again
/// whenever the level changes.
void configure(LogLevel level);

/// How long the lines from now on may wait together for a reader that is behind. Without it they
/// are lost when a pipe or socket is full, and the next line that finds room is preceded by
/// `log_lines_lost`. At first it is a second.
void may_wait(std::chrono::milliseconds patience);

/// True when stderr is what `stream` says, which the service manager gave as JOURNAL_STREAM
/// (systemd.exec(5)): DEVICE:INODE. A program that was started with another stderr inherits the
/// variable all the same.
bool is_journal(const char* stream);

/// A value that may hold spaces or quotes, for `key={}`: bare if harmless, else in double quotes
/// with quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text);

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::error(fmt::format(format, std::forward<Args>(args)...));
}

/// Lets the first of a series of like events be logged and then one a minute, counting the rest.
class RateLimit {
 public:
  explicit RateLimit(MonoTime::duration interval = std::chrono::minutes(1)) : interval_(interval) {}

  /// True: log now, and log suppressed() with it. False: counted.
  bool allow(MonoTime now = std::chrono::steady_clock::now());

  /// Events that were not logged since the one before the last allowed.
  [[nodiscard]] std::uint64_t suppressed() const { return reported_; }

 private:
  MonoTime::duration interval_;
  MonoTime next_{};
  std::uint64_t pending_ = 0;
  std::uint64_t reported_ = 0;
};

}  // namespace ctflow::log
