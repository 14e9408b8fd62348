// SPDX-License-Identifier: GPL-2.0-or-later
// Which requests a server on TCP answers, by the name that they ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctflow {

/// The names that requests may ask a server by. A page of another site, whose name was made to lead
/// to this host (DNS rebinding), asks by that site's name: then a browser would let it read the
/// answer.
class HostNames {
 public:
  /// `names`: host names, in capitals or not, with a final dot or not.
  explicit HostNames(const std::vector<std::string>& names);

  /// `authority`: of a request (RFC 9110 section 7.2), with a port or without; any octets. True for
  /// numeric addresses, IPv6 in brackets, for the names, and for what the public DNS has not:
  /// localhost and other names without a dot, and those below local, lan, internal and home.arpa.
  /// None of these can others let lead here.
  [[nodiscard]] bool has(std::string_view authority) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace ctflow
