// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/people_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>

namespace ctflow::text {
namespace {

std::string in_units(double value, std::span<const char* const> units) {
  constexpr double kThousand = 1000;
  constexpr double kShort = 99.95;  // from here on without a decimal
  std::size_t unit = 0;
  for (; value >= kThousand - 0.5 && unit + 1 < units.size(); ++unit) value /= kThousand;
  return unit == 0 || value >= kShort ? fmt::format("{:.0f} {}", value, units[unit])
                                      : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace

std::string people_text(std::uint64_t octets) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  return in_units(static_cast<double>(octets), kUnits);
}

std::string count_text(std::uint64_t number) {
  constexpr std::size_t kGroup = 3;
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > kGroup;) {
    at -= kGroup;
    text.insert(at, 1, ' ');
  }
  return text;
}

std::string count_text(std::uint64_t number, std::string_view one, std::string_view others) {
  return fmt::format("{} {}", count_text(number), number == 1 ? one : others);
}

std::string rate_text(double bits) {
  constexpr std::array kUnits{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  return in_units(bits, kUnits);
}

}  // namespace ctflow::text
