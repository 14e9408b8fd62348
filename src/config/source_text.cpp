// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/source_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ctflow/config_error.hpp"
#include "text/escape.hpp"
#include "text/utf8.hpp"

namespace ctflow::config {

SourceText::SourceText(std::string_view text, std::string name) : name_(std::move(name)) {
  line_starts_.push_back(0);
  if (text.size() > kMaxFileSize) fail(0, "", "expected at most 1 MiB of text, got more");
  text_ = text::without_byte_order_mark(text);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
  refuse_what_is_no_text();
}

void SourceText::refuse_what_is_no_text() const {
  const std::string_view text = text_;
  for (std::size_t i = 0; i < text.size();) {
    const text::CodePoint point = text::first_code_point(text.substr(i));
    if (point.length == 0) {
      fail(i, "",
           fmt::format("expected text in UTF-8, got the octet {}",
                       text::printable(text.substr(i, 1))));
    }
    // The YAML library takes \x04 for the end of the file, and drops a carriage return that stands
    // alone: neither may hide settings.
    const bool line_end = text[i] == '\n' || text.substr(i, 2) == "\r\n";
    if (text::is_control(point.value) && !line_end && text[i] != '\t') {
      fail(i, "",
           fmt::format("expected text, got the control character {}",
                       text::printable(text.substr(i, point.length))));
    }
    i += point.length;
  }
}

Position SourceText::position(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  Position position;
  position.line = static_cast<std::size_t>(next - line_starts_.begin());
  for (std::size_t i = *(next - 1); i < offset; ++position.column) {
    i += std::max<std::size_t>(1, text::first_code_point(std::string_view(text_).substr(i)).length);
  }
  return position;
}

void SourceText::fail(std::size_t offset, std::string_view path, std::string_view message) const {
  const Position at = position(offset);
  throw ConfigError(fmt::format("{}:{}:{}: {}{}{}", text::printable(name_), at.line, at.column,
                                path, path.empty() ? "" : ": ", message));
}

}  // namespace ctflow::config
