// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/sum_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ctflow::text {

bool reads_as_sum(std::string_view name) {
  constexpr std::array<std::string_view, 3> kSums{"total", "other", "uncounted"};
  std::string word;
  for (const char c : name.substr(0, name.find_first_of(" (", name.find_first_not_of(' ')))) {
    if (c != ' ') word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return std::find(kSums.begin(), kSums.end(), word) != kSums.end();
}

std::string device_label(const std::string& name, const std::string& key) {
  if (name.empty()) return key;
  return reads_as_sum(name) ? fmt::format("{} ({})", name, key) : name;
}

}  // namespace ctflow::text
