// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/json_text.hpp"

#include <algorithm>

#include "text/append.hpp"
#include "text/escape.hpp"

namespace ctflow::json_text {
namespace {

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

}  // namespace

void append_number(std::string& to, std::uint64_t value) {
  if (value >= kFirstInexact) to += '"';
  text::append_number(to, value);
  if (value >= kFirstInexact) to += '"';
}

void append_time(std::string& to, TimePoint time) {
  to += '"';
  text::append_time(to, time, 'T', text::Fraction::kMilliseconds);
  to += "Z\"";
}

void append_address(std::string& to, AddressFamily family, const IpAddress& address) {
  to += '"';
  text::append_address(to, family, address);
  to += '"';
}

void append_mac(std::string& to, std::uint64_t mac) {
  to += '"';
  text::append_mac(to, mac);
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
