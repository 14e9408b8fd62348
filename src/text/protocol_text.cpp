// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/protocol_text.hpp"

#include "text/number_text.hpp"

namespace ctflow::text {

std::optional<std::uint8_t> protocol_named(std::string_view name) {
  for (const NamedProtocol& one : kProtocols) {
    if (one.name == name) return one.number;
  }
  return std::nullopt;
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  const auto named = protocol_named(text);
  return named ? named : parse_number<std::uint8_t>(text);
}

std::string protocol_text(std::int64_t protocol) {
  for (const auto& [name, number] : kProtocols) {
    if (number == protocol) return std::string(name);
  }
  return std::to_string(protocol);
}

std::string protocol_names() {
  std::string all;
  for (const NamedProtocol& one : kProtocols) {
    if (!all.empty()) all += ", ";
    all += one.name;
  }
  return all;
}

}  // namespace ctflow::text
