// SPDX-License-Identifier: GPL-2.0-or-later
// A ConnectionMatch as it is compared with many connections.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "ctflow/connection_match.hpp"
#include "ctflow/flow.hpp"
#include "filter/address_prefix.hpp"

namespace ctflow {

class ConnectionCondition {
 public:
  explicit ConnectionCondition(const ConnectionMatch& match);

  [[nodiscard]] bool matches(const Flow& flow) const;

 private:
  std::array<bool, 256> protocols_{};  ///< by number
  std::vector<AddressPrefix> networks_;
  std::vector<AddressPrefix> sources_;
  std::vector<AddressPrefix> destinations_;
  std::vector<MarkMatch> marks_;
};

/// Whether a list of networks that may be empty allows one of two addresses of `tuple`.
bool allows_either(const std::vector<AddressPrefix>& networks, const Tuple& tuple);

/// Whether one that may be empty allows `address`, one of `tuple`.
bool allows(const std::vector<AddressPrefix>& networks, const Tuple& tuple,
            const IpAddress& address);

}  // namespace ctflow
