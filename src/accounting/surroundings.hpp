// SPDX-License-Identifier: GPL-2.0-or-later
// Which addresses are those of this host, and which are inside.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "enrich/networks/prefix_map.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow::accounting {

enum class Place : std::uint8_t { kOutside, kInside, kSelf };

class Surroundings {
 public:
  /// Multicast and broadcast addresses are inside: they do not leave.
  Surroundings();

  // What was added later decides about the same addresses.
  void add_inside(const Network& network);
  void add_inside(const std::vector<Network>& networks);
  void add_own(AddressFamily family, const IpAddress& address);

  [[nodiscard]] Place place_of(AddressFamily family, const IpAddress& address) const;

 private:
  PrefixMap places_;
};

using ReadSurroundings = std::function<std::shared_ptr<const Surroundings>()>;

/// Reads the addresses of the namespace's interfaces; where `inside` is empty, the networks of
/// those without a default route are inside. For any thread. Throws std::system_error.
ReadSurroundings surroundings_of(const NetworkNamespace& home, const std::vector<Network>& inside);

}  // namespace ctflow::accounting
