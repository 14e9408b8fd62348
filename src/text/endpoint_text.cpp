// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/endpoint_text.hpp"

#include <fmt/format.h>

#include "text/number_text.hpp"

namespace ctflow::text {
namespace {

/// Adds what follows the host: nothing, or a colon and the port.
std::optional<HostAndPort> with_port(HostAndPort parts, std::string_view rest) {
  if (rest.empty()) return parts;
  if (rest.front() == ':') parts.port = parse_number<std::uint16_t>(rest.substr(1));
  if (!parts.port) return std::nullopt;
  return parts;
}

}  // namespace

std::optional<HostAndPort> split_endpoint(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return with_port({text.substr(1, end - 1), {}, true}, text.substr(end + 1));
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon != text.rfind(':')) return HostAndPort{text};
  return with_port({text.substr(0, colon)}, text.substr(colon));
}

std::string endpoint_text(const std::string& address, std::uint16_t port) {
  const bool ipv6 = address.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace ctflow::text
