// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/observation_domain.hpp"

#include <unistd.h>

#include <array>
#include <fstream>

#include "hash/fnv1a.hpp"

namespace ctflow {

std::uint32_t observation_domain_from(std::string_view host_identity) {
  // machine-id(5) asks not to show the id itself on the network.
  const auto domain = fnv1a<std::uint32_t>(std::string("ctflowd ").append(host_identity));
  return domain > 1 ? domain : domain + 2;
}

std::string host_identity(const std::string& machine_id_file) {
  std::ifstream file(machine_id_file);
  std::string identity;
  if (std::getline(file, identity) && !identity.empty()) return identity;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) return name.data();
  return {};
}

}  // namespace ctflow
