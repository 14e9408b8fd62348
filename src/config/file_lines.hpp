// SPDX-License-Identifier: GPL-2.0-or-later
// Files that settings name, a line for each entry: what networks_file and services_file share.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/formats.hpp"
#include "config/source_text.hpp"
#include "text/escape.hpp"

namespace ctflow::config {

/// A word of such a file, and where it stands.
struct FileWord {
  std::size_t offset = 0;
  std::string_view text{};
};

/// The words of each line that has any. What follows a `#` is a comment.
void for_each_line(const SourceText& source,
                   const std::function<void(const std::vector<FileWord>& words)>& take);

/// The value that a word stands for. Throws ConfigError with the file, line and column.
template <typename Value>
Value value_of(const SourceText& source, const FileWord& word, const ValueFormat<Value>& format) {
  const Parsed<Value> parsed = format.parse(word.text);
  if (parsed.value) return *parsed.value;
  source.fail(word.offset, "",
              fmt::format("expected {}, got {}{}{}", format.expected, text::quoted(word.text),
                          parsed.hint.empty() ? "" : ": ", parsed.hint));
}

/// As rows of reports are called that are sums.
bool is_name_of_sum(std::string_view name);
inline constexpr const char* kOtherNameExpected =
    "expected another name than other, total and uncounted, which are those of sums in reports";

/// A name of entries: any but those of sums. Throws the same.
std::string name_of_entries(const SourceText& source, const FileWord& word);

/// Entries under their names, which come in the order of the file.
template <typename Named, typename Entry>
class NamedEntries {
 public:
  /// `list`: that of `Named`.
  explicit NamedEntries(std::vector<Entry> Named::*list) : list_(list) {}

  void add(const std::string& name, Entry entry) {
    const auto [place, is_new] = by_name_.emplace(name, all_.size());
    if (is_new) all_.emplace_back().name = name;
    (all_[place->second].*list_).push_back(std::move(entry));
  }
  std::vector<Named> take_all() { return std::move(all_); }

 private:
  std::vector<Entry> Named::*list_;
  std::vector<Named> all_;
  std::map<std::string, std::size_t> by_name_;
};

/// Where each entry stands: none may be there twice.
template <typename Identity>
class SeenEntries {
 public:
  /// `what`: what it is, for the message. Throws the same.
  void add(const SourceText& source, const FileWord& word, Identity identity, const char* what) {
    const auto [place, is_new] = seen_.emplace(std::move(identity), word.offset);
    if (is_new) return;
    source.fail(
        word.offset, "",
        fmt::format("the same {} is in line {}", what, source.position(place->second).line));
  }

 private:
  std::map<Identity, std::size_t> seen_;
};

}  // namespace ctflow::config
