// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/mac_text.hpp"

#include "text/append.hpp"

namespace ctflow::text {
namespace {

constexpr std::size_t kLength = 17;
constexpr std::size_t kStep = 3;  // two digits and what stands behind them
constexpr unsigned kOctetBits = 8;
constexpr unsigned kDigitBits = 4;

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_mac(std::string_view text) {
  if (text.size() != kLength) return std::nullopt;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < kLength; i += kStep) {
    const auto high = digit(text[i]);
    const auto low = digit(text[i + 1]);
    const bool ends = i + kStep > kLength;
    if (!high || !low || (!ends && text[i + 2] != ':' && text[i + 2] != '-')) return std::nullopt;
    address = address << kOctetBits | *high << kDigitBits | *low;
  }
  return address;
}

std::string mac_text(std::uint64_t address) {
  std::string text;
  append_mac(text, address);
  return text;
}

}  // namespace ctflow::text
