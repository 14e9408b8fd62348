// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/append.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "wire/mac_octets.hpp"

namespace ctflow::text {
namespace {

using std::chrono::microseconds;

/// `value` with leading zeros, as many digits as there is room for.
template <std::size_t kDigits>
void append_digits(std::string& to, std::uint64_t value) {
  std::array<char, kDigits> digits{};
  for (std::size_t i = kDigits; i-- > 0; value /= 10)
    digits[i] = static_cast<char>('0' + value % 10);
  to.append(digits.data(), kDigits);
}

template <std::size_t kDigits>
void append_count(std::string& to, auto duration) {
  append_digits<kDigits>(to, static_cast<std::uint64_t>(duration.count()));
}

}  // namespace

void append_number(std::string& to, std::uint64_t value) {
  const fmt::format_int digits(value);
  to.append(digits.data(), digits.size());
}

void append_time(std::string& to, TimePoint time, char between, Fraction fraction) {
  const auto stamp =
      std::max(std::chrono::floor<microseconds>(time), std::chrono::sys_time<microseconds>{});
  const auto day = std::chrono::floor<std::chrono::days>(stamp);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(stamp - day);
  append_digits<4>(to, static_cast<unsigned>(static_cast<int>(date.year())));
  to += '-';
  append_digits<2>(to, static_cast<unsigned>(date.month()));
  to += '-';
  append_digits<2>(to, static_cast<unsigned>(date.day()));
  to += between;
  append_count<2>(to, clock.hours());
  to += ':';
  append_count<2>(to, clock.minutes());
  to += ':';
  append_count<2>(to, clock.seconds());
  to += '.';
  if (fraction == Fraction::kMicroseconds) {
    append_count<6>(to, clock.subseconds());
  } else {
    append_count<3>(to, std::chrono::floor<std::chrono::milliseconds>(clock.subseconds()));
  }
}

void append_address(std::string& to, AddressFamily family, const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family == AddressFamily::kIpv4 ? AF_INET : AF_INET6, address.octets.data(), text.data(),
            static_cast<socklen_t>(text.size()));
  to += text.data();
}

void append_mac(std::string& to, std::uint64_t mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr unsigned kDigitBits = 4;
  bool first = true;
  for (const unsigned octet : wire::mac_octets(mac)) {
    if (!std::exchange(first, false)) to += ':';
    to += kDigits[octet >> kDigitBits];
    to += kDigits[octet & 0xfU];
  }
}

}  // namespace ctflow::text
