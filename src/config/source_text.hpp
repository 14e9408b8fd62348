// SPDX-License-Identifier: GPL-2.0-or-later
// The text of one configuration file: proof that it is text, and the place that a message names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ctflow::config {

/// Octets; a file with a thousand collectors has a tenth of it.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 20;

/// Both from 1; the column counts characters, as editors do.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;

  friend bool operator==(const Position&, const Position&) = default;
};

class SourceText {
 public:
  /// Takes the text, without its byte order mark. Throws ConfigError when it is too long, is not
  /// UTF-8, or holds control characters other than tab and line ends.
  SourceText(std::string_view text, std::string name);

  [[nodiscard]] const std::string& text() const { return text_; }

  /// Where the octet at `offset` stands. It costs a walk along the line: for messages only.
  [[nodiscard]] Position position(std::size_t offset) const;

  /// The one way to refuse a file: `NAME:LINE:COLUMN: PATH: message`, without the path when it is
  /// empty. Text of the user's in `path` and `message` is escaped by the caller.
  [[noreturn]] void fail(std::size_t offset, std::string_view path, std::string_view message) const;

 private:
  void refuse_what_is_no_text() const;

  std::string text_;
  std::string name_;
  std::vector<std::size_t> line_starts_;  ///< offsets, ascending
};

}  // namespace ctflow::config
