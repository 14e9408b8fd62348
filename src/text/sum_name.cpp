// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/sum_name.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace ctflow::text {

bool reads_as_sum(std::string_view name) {
  constexpr std::array<std::string_view, 3> kSums{"total", "other", "uncounted"};
  std::string word;
  for (const char c : name.substr(0, name.find_first_of(" (", name.find_first_not_of(' ')))) {
    if (c != ' ') word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return std::find(kSums.begin(), kSums.end(), word) != kSums.end();
}

}  // namespace ctflow::text
