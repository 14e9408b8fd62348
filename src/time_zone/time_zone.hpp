// SPDX-License-Identifier: GPL-2.0-or-later
// The offset of a time zone from UTC, at any time. The library of g++ 12 has no time zones, and
// that of C has one at a time, for the whole process.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "time_zone/posix_rule.hpp"

namespace ctflow {

class TimeZone {
 public:
  /// UTC.
  TimeZone() = default;
  explicit TimeZone(const PosixRule& rule) : rule_(rule) {}

  /// A file of the zone database (TZif, RFC 9636). Nothing: it is none.
  static std::optional<TimeZone> parse(std::span<const std::uint8_t> octets);

  /// A name of the zone database such as Europe/Berlin, or a rule as of POSIX's TZ; empty: that of
  /// the system. Nothing: not known here.
  static std::optional<TimeZone> find(const std::string& name);

  /// East of UTC, at this time.
  [[nodiscard]] std::chrono::seconds offset_at(std::chrono::sys_seconds time) const;

 private:
  struct Transition {
    std::chrono::sys_seconds from{};
    std::chrono::seconds offset{0};
  };

  static std::optional<TimeZone> system();

  std::vector<Transition> transitions_;  ///< by time
  std::chrono::seconds before_{0};       ///< before the first of them
  std::optional<PosixRule> rule_{};      ///< after the last of them
};

}  // namespace ctflow
