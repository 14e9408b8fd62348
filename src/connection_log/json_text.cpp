// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/json_text.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "text/escape.hpp"

namespace ctflow::json_text {
namespace {

using std::chrono::milliseconds;

/// `value` with leading zeros, as many digits as there is room for.
template <std::size_t kDigits>
void append_digits(std::string& to, unsigned value) {
  std::array<char, kDigits> digits{};
  for (std::size_t i = kDigits; i-- > 0; value /= 10)
    digits[i] = static_cast<char>('0' + value % 10);
  to.append(digits.data(), kDigits);
}

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

}  // namespace

void append_number(std::string& to, std::uint64_t value) {
  const fmt::format_int digits(value);
  if (value >= kFirstInexact) to += '"';
  to.append(digits.data(), digits.size());
  if (value >= kFirstInexact) to += '"';
}

void append_time(std::string& to, TimePoint time) {
  const auto stamp =
      std::max(std::chrono::floor<milliseconds>(time), std::chrono::sys_time<milliseconds>{});
  const auto day = std::chrono::floor<std::chrono::days>(stamp);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(stamp - day);
  to += '"';
  append_digits<4>(to, static_cast<unsigned>(static_cast<int>(date.year())));
  to += '-';
  append_digits<2>(to, static_cast<unsigned>(date.month()));
  to += '-';
  append_digits<2>(to, static_cast<unsigned>(date.day()));
  to += 'T';
  append_digits<2>(to, static_cast<unsigned>(clock.hours().count()));
  to += ':';
  append_digits<2>(to, static_cast<unsigned>(clock.minutes().count()));
  to += ':';
  append_digits<2>(to, static_cast<unsigned>(clock.seconds().count()));
  to += '.';
  append_digits<3>(to, static_cast<unsigned>(clock.subseconds().count()));
  to += "Z\"";
}

void append_address(std::string& to, AddressFamily family, const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family == AddressFamily::kIpv4 ? AF_INET : AF_INET6, address.octets.data(), text.data(),
            static_cast<socklen_t>(text.size()));
  to += '"';
  to += text.data();
  to += '"';
}

void append_mac(std::string& to, std::uint64_t mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr unsigned kOctets = 6;
  constexpr unsigned kOctetBits = 8;
  constexpr unsigned kDigitBits = 4;
  for (unsigned left = kOctets; left > 0; --left) {
    const auto octet = static_cast<unsigned>(mac >> (left - 1) * kOctetBits) & 0xffU;
    to += left == kOctets ? '"' : ':';
    to += kDigits[octet >> kDigitBits];
    to += kDigits[octet & 0xfU];
  }
  to += '"';
}

void append_text(std::string& to, std::string_view text) {
  to += '"';
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    to += text;
  } else {
    for (const char c : text::printable(text)) {
      if (c == '"' || c == '\\') to += '\\';
      to += c;
    }
  }
  to += '"';
}

}  // namespace ctflow::json_text
