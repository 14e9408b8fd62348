// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/key_text.hpp"

#include <fmt/format.h>

#include <span>

#include "accounting/device_names.hpp"
#include "text/address_text.hpp"
#include "text/protocol_text.hpp"

namespace ctflow::accounting {
namespace {

std::string host_text(const Key& key) {
  constexpr std::size_t kOctets4 = 4;
  const std::span<const std::uint8_t> octets(key.host.octets);
  const bool v4 = key.family == static_cast<std::uint16_t>(AddressFamily::kIpv4);
  return text_of_address(v4 ? octets.first(kOctets4) : octets);
}

}  // namespace

std::string interface_text(std::uint32_t index, const InterfaceTexts& interfaces) {
  if (index == 0) return "unknown";
  const auto found = interfaces.find(index);
  return found == interfaces.end() ? fmt::format("#{}", index) : found->second;
}

std::string asn_text(std::int64_t number) {
  return number == 0 ? "unknown" : fmt::format("AS{}", number);
}

std::string country_text(const std::array<char, 2>& country) {
  return country[0] == 0 ? "unknown" : std::string(country.data(), country.size());
}

std::string protocol_text(std::int64_t number) {
  constexpr std::int64_t kIpv6 = 41;  // a filter for "ipv6" would not be one for IPv6
  return number == kIpv6 ? "ipv6" : text::protocol_text(number);
}

std::string key_text(AccountingKey by, const Key& key, Direction direction, const Names& names,
                     const InterfaceTexts& interfaces) {
  switch (by) {
    case AccountingKey::kHost:
      return host_text(key);
    case AccountingKey::kNetwork:
      return names.network(key.network);
    case AccountingKey::kInterface:
      return interface_text(key.interface, interfaces);
    case AccountingKey::kRemoteInterface:
      return interface_text(key.remote_interface, interfaces);
    case AccountingKey::kZone:
      return std::to_string(key.zone);
    case AccountingKey::kMark:
      return std::to_string(key.mark);
    case AccountingKey::kProtocol:
      return protocol_text(key.protocol);
    case AccountingKey::kService:
      return names.service(key.service);
    case AccountingKey::kRemoteNetwork:
      return names.network(key.remote_network);
    case AccountingKey::kDevice:
      return device_text(device_octets(key));
    case AccountingKey::kAsn:
      return asn_text(key.asn);
    case AccountingKey::kCountry:
      return country_text(key.country);
    case AccountingKey::kDirection:
      break;
  }
  return name_of(direction);
}

}  // namespace ctflow::accounting
