// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/observation_domain.hpp"

#include <unistd.h>

#include <array>
#include <fstream>

namespace ctflow {
namespace {

/// FNV-1a. machine-id(5) asks not to show the id itself on the network.
std::uint32_t hash(std::string_view text) {
  std::uint32_t value = 2166136261U;
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    value *= 16777619U;
  }
  return value;
}

}  // namespace

std::uint32_t observation_domain_from(std::string_view host_identity) {
  const std::uint32_t domain = hash(std::string("ctflowd ").append(host_identity));
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
