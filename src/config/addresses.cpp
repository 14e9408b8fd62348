// SPDX-License-Identifier: GPL-2.0-or-later
// The formats of addresses and host names, declared in formats.hpp.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "config/formats.hpp"

namespace ctflow::config {
namespace {

constexpr std::string_view kBracketsHint =
    "YAML takes brackets for a list: leave them out, or put quotes around";
constexpr std::string_view kZoneHint =
    "leave out what follows the %: the interface is set by bind_device";
constexpr std::string_view kPortHint = "the port has a setting of its own";

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_ipv4(const std::string& text) {
  std::array<unsigned char, sizeof(in_addr)> octets{};
  return inet_pton(AF_INET, text.c_str(), octets.data()) == 1;
}

bool is_ipv6(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> octets{};
  return inet_pton(AF_INET6, text.c_str(), octets.data()) == 1;
}

/// A numeric address, without the brackets of an IPv6 one.
std::optional<std::string> address_in(std::string_view text) {
  // inet_pton() would stop at a NUL; the longest address is an IPv6 one with dots, in brackets.
  if (text.size() > INET6_ADDRSTRLEN + 1 || text.find('\0') != std::string_view::npos) return {};
  std::string bare(text);
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) bare = text.substr(1, text.size() - 2);
  if (is_ipv6(bare) || (!bracketed && is_ipv4(bare))) return bare;
  return {};
}

/// RFC 1123, section 2.1, and the underscore, which resolvers look up as well.
bool is_label(std::string_view label) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), allowed);
}

/// The last label of no host name is a number (RFC 1123, section 2.1). Resolvers would take such a
/// text for an address in one of inet_aton()'s old forms (1.2, 0x7f000001).
bool is_number(std::string_view label) {
  const bool hexadecimal = label.substr(0, 2) == "0x" || label.substr(0, 2) == "0X";
  return hexadecimal ||
         std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host_name(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  if (text.size() > 253) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    text.remove_prefix(dot + 1);
  }
}

/// What most often stands beside an address.
std::string address_hint(std::string_view text) {
  if (text.find('%') != std::string_view::npos) return std::string(kZoneHint);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_number(text.substr(colon + 1))) return "";
  const std::string_view before = text.substr(0, colon);
  return address_in(before) || is_host_name(before) ? std::string(kPortHint) : "";
}

}  // namespace

ValueFormat<std::string> numeric_address() {
  return {"an IPv4 or IPv6 address",
          [](std::string_view text) -> Parsed<std::string> {
            std::optional<std::string> address = address_in(text);
            if (!address) return {std::nullopt, address_hint(text)};
            return {std::move(address), ""};
          },
          std::string(kBracketsHint)};
}

ValueFormat<std::string> host() {
  return {"an IPv4 or IPv6 address or a host name",
          [](std::string_view text) -> Parsed<std::string> {
            std::optional<std::string> address = address_in(text);
            if (!address && is_host_name(text)) address = std::string(text);
            if (!address) return {std::nullopt, address_hint(text)};
            return {std::move(address), ""};
          },
          std::string(kBracketsHint)};
}

int address_family(const std::string& text) {
  if (is_ipv4(text)) return 4;
  return is_ipv6(text) ? 6 : 0;
}

}  // namespace ctflow::config
