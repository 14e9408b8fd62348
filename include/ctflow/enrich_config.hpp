// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of what files of others say about addresses.
#pragma once

#include <string>

namespace ctflow {

/// Files are opened only where an output asks for what they have.
struct EnrichConfig {
  std::string as_database{};  ///< of networks in MaxMind's format, with AS numbers; empty: none
  std::string country_database{};  ///< the same, with countries
  std::string user_names{};        ///< names of users by networks, MAC addresses and marks
  /// Hosts may be looked up in this host's neighbour tables; not a setting of its own.
  bool neighbours = true;

  friend bool operator==(const EnrichConfig&, const EnrichConfig&) = default;
};

}  // namespace ctflow
