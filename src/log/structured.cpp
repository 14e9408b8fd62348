// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/structured.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "log/line_fields.hpp"

namespace ctflow::log {
namespace {

/// A value with a line feed has its length in front, as 64 bits in little endian.
void append(std::string& message, std::string_view name, std::string_view value) {
  message += name;
  if (value.find('\n') == std::string_view::npos) {
    message += '=';
  } else {
    message += '\n';
    constexpr int kOctets = 8;
    for (int i = 0; i < kOctets; ++i) {
      message += static_cast<char>((value.size() >> (8 * i)) & 0xff);
    }
  }
  message += value;
  message += '\n';
}

/// Names of the journal's fields have capitals.
std::string journal_name(std::string_view key) {
  std::string name = "CTFLOWD_";
  std::transform(key.begin(), key.end(), std::back_inserter(name), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

}  // namespace

std::string json_line(std::string_view time, std::string_view level, std::string_view line) {
  nlohmann::ordered_json out{{"time", time}, {"level", level}};
  if (const auto found = fields_of(line)) {
    out["event"] = found->event;
    for (const LineField& field : found->fields) out[field.key] = field.value;
  } else {
    out["message"] = line;
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string journal_message(int priority, std::string_view line) {
  std::string message;
  append(message, "PRIORITY", std::to_string(priority));
  append(message, "SYSLOG_IDENTIFIER", "ctflowd");
  append(message, "MESSAGE", line);
  if (const auto found = fields_of(line)) {
    append(message, "CTFLOWD_EVENT", found->event);
    for (const LineField& field : found->fields) {
      append(message, journal_name(field.key), field.value);
    }
  }
  return message;
}

}  // namespace ctflow::log
