// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/configured_namespaces.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netlink/network_namespace.hpp"

namespace ctflow {

bool share_zones(const NamespaceConfig& one, const NamespaceConfig& other) {
  if (one.zones.empty() || other.zones.empty()) return true;
  return std::any_of(one.zones.begin(), one.zones.end(), [&](std::uint64_t zone) {
    return std::find(other.zones.begin(), other.zones.end(), zone) != other.zones.end();
  });
}

std::string file_of(const NamespaceConfig& config) {
  return config.file.empty() ? "/run/netns/" + config.name : config.file;
}

std::string exported_twice(const std::vector<NamespaceConfig>& configured) {
  for (std::size_t i = 0; i < configured.size(); ++i) {
    const NamespaceAt one = look_up_namespace(file_of(configured[i]));
    for (std::size_t j = 0; one.identity && j < i; ++j) {
      if (!share_zones(configured[i], configured[j])) continue;
      if (look_up_namespace(file_of(configured[j])).identity != one.identity) continue;
      return fmt::format(
          "namespaces: {} and {} are the same network namespace ({}): its connections would be "
          "exported twice; remove one, or give each zones that the other does not have",
          configured[j].name, configured[i].name, file_of(configured[i]));
    }
  }
  return "";
}

}  // namespace ctflow
