// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/suggestion.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

namespace ctflow::config {
namespace {

/// Longer than any setting: not worth comparing.
constexpr std::size_t kLongestWord = 64;

/// Optimal string alignment: octets inserted, deleted, replaced, or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_before(b.size() + 1);
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(before.begin(), before.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = before[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_before[j - 2] + 1);
    }
    two_before.swap(before);
    before.swap(row);
  }
  return before[b.size()];
}

}  // namespace

std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t least = kLongestWord;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    const std::size_t tolerated = std::max<std::size_t>(1, candidate.size() / 3);
    if (distance > tolerated || distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

std::vector<std::string> nearest_words(std::string_view word, std::vector<std::string> known,
                                       std::size_t count) {
  const std::string_view begin = word.substr(0, kLongestWord);
  std::stable_sort(known.begin(), known.end(), [&](const auto& one, const auto& other) {
    return edit_distance(begin, one) < edit_distance(begin, other);
  });
  if (known.size() > count) known.resize(count);
  return known;
}

std::optional<std::string> usual_word(std::string_view word,
                                      const std::vector<std::string>& known) {
  struct Usual {
    std::string_view word, setting;
  };
  // What other exporters and daemons call these settings.
  constexpr std::array<Usual, 15> kUsual{{{"host", "address"},
                                          {"addr", "address"},
                                          {"hostname", "address"},
                                          {"ip", "address"},
                                          {"server", "address"},
                                          {"version", "protocol"},
                                          {"format", "protocol"},
                                          {"type", "protocol"},
                                          {"source_ip", "source_address"},
                                          {"interface", "bind_device"},
                                          {"mtu", "max_message_size"},
                                          {"domain", "observation_domain"},
                                          {"domain_id", "observation_domain"},
                                          {"source_id", "observation_domain"},
                                          {"collector", "collectors"}}};
  for (const Usual& one : kUsual) {
    if (one.word != word) continue;
    const auto found = std::find(known.begin(), known.end(), one.setting);
    if (found != known.end()) return *found;
  }
  return std::nullopt;
}

}  // namespace ctflow::config
