// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/effective_capabilities.hpp"

#include <fstream>

namespace ctflow {

std::optional<std::uint64_t> effective_capabilities(const std::string& status_file) {
  std::ifstream file(status_file);
  std::string key;
  while (file >> key) {
    if (key == "CapEff:") {
      std::uint64_t bits = 0;
      if (file >> std::hex >> bits) return bits;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace ctflow
