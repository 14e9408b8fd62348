// SPDX-License-Identifier: GPL-2.0-or-later
// A log line as fields, for readers that do not take lines of text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctflow::log {

struct LineField {
  std::string key;
  std::string value;  ///< without quotes; of escapes only \" \\ \n are taken back

  friend bool operator==(const LineField&, const LineField&) = default;
};

struct LineFields {
  std::string event;
  std::vector<LineField> fields;
};

/// Takes `event_name key=value …` apart. Nothing: the line is of another form.
std::optional<LineFields> fields_of(std::string_view line);

}  // namespace ctflow::log
