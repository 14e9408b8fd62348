// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/host_names.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>

namespace ctflow {
namespace {

/// In small letters, without the final dot.
std::string plain_name(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string plain(name);
  std::transform(plain.begin(), plain.end(), plain.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return plain;
}

/// What follows a host: nothing, or a colon and a port, which may be empty (RFC 3986
/// section 3.2.3).
bool is_port(std::string_view text) {
  return text.empty() ||
         (text.front() == ':' && text.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

/// No site of the public DNS has such a name: no dot, or below a domain that is kept for private
/// networks (RFC 6762, RFC 8375, `internal` by ICANN) or was never delegated (`lan`, OpenWrt's).
bool is_local(std::string_view name) {
  constexpr std::array<std::string_view, 4> kDomains{".home.arpa", ".internal", ".lan", ".local"};
  // "0x7f000001" and "2130706433" are addresses to some resolvers, and no name of a host.
  const bool begins = !name.empty() && name.front() >= 'a' && name.front() <= 'z';
  constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (!begins || name.find_first_not_of(kOfNames) != std::string_view::npos) return false;
  return name.find('.') == std::string_view::npos ||
         std::any_of(kDomains.begin(), kDomains.end(), [&](std::string_view domain) {
           return name.size() > domain.size() && name.ends_with(domain);
         });
}

}  // namespace

HostNames::HostNames(const std::vector<std::string>& names) {
  names_.reserve(names.size());
  for (const std::string& name : names) names_.push_back(plain_name(name));
}

bool HostNames::has(std::string_view authority) const {
  if (authority.find('\0') != std::string_view::npos) return false;  // addresses would end there
  boost::system::error_code error;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || !is_port(authority.substr(end + 1))) return false;
    boost::asio::ip::make_address_v6(std::string(authority.substr(1, end - 1)), error);
    return !error;
  }
  const std::size_t colon = authority.find(':');
  if (colon != std::string_view::npos && !is_port(authority.substr(colon))) return false;
  const std::string host = plain_name(authority.substr(0, colon));
  if (is_local(host) || std::find(names_.begin(), names_.end(), host) != names_.end()) return true;
  boost::asio::ip::make_address_v4(host, error);
  return !error;
}

}  // namespace ctflow
