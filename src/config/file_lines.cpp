// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/file_lines.hpp"

#include <algorithm>

namespace ctflow::config {
namespace {

/// Of a line that begins at `offset`.
std::vector<FileWord> words_of(std::string_view line, std::size_t offset) {
  constexpr std::string_view kSpace = " \t\r";
  std::vector<FileWord> words;
  line = line.substr(0, line.find('#'));
  std::size_t at = line.find_first_not_of(kSpace);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(kSpace, at), line.size());
    words.push_back({offset + at, line.substr(at, end - at)});
    at = line.find_first_not_of(kSpace, end);
  }
  return words;
}

}  // namespace

void for_each_line(const SourceText& source,
                   const std::function<void(const std::vector<FileWord>& words)>& take) {
  const std::string_view text = source.text();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::vector<FileWord> words = words_of(text.substr(at, end - at), at);
    if (!words.empty()) take(words);
    at = end + 1;
  }
}

bool is_name_of_sum(std::string_view name) {
  return name == "other" || name == "total" || name == "uncounted";
}

std::string name_of_entries(const SourceText& source, const FileWord& word) {
  std::string name = value_of(source, word, identifier());
  if (is_name_of_sum(name)) source.fail(word.offset, "", kOtherNameExpected);
  return name;
}

}  // namespace ctflow::config
