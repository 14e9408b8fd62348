// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses as people write them.
#pragma once

#include <arpa/inet.h>

#include <string>

#include "ctflow/flow.hpp"

namespace ctflow::test {

struct TextAddress {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
};

inline TextAddress text_address(const std::string& text) {
  TextAddress result;
  const bool v6 = text.find(':') != std::string::npos;
  result.family = v6 ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
  inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), result.address.octets.data());
  return result;
}

}  // namespace ctflow::test
