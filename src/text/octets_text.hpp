// SPDX-License-Identifier: GPL-2.0-or-later
// A number of octets for a person, in the units of the configuration.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>

namespace ctflow {

/// 512 B, 4 MiB, 1.5 GiB.
inline std::string octets_text(std::uint64_t octets) {
  constexpr std::array<const char*, 4> kUnits{"B", "KiB", "MiB", "GiB"};
  auto value = static_cast<double>(octets);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::string number = fmt::format("{:.1f}", value);
  if (number.size() > 2 && number.compare(number.size() - 2, 2, ".0") == 0) {
    number.resize(number.size() - 2);
  }
  return number + " " + kUnits[unit];
}

}  // namespace ctflow
