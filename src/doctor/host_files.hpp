// SPDX-License-Identifier: GPL-2.0-or-later
// How the files of a host are found that systemd and its kind read.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace ctflow {

/// By name, as they are applied; a file of an earlier directory hides one of the same name.
template <std::size_t n>
std::map<std::string, std::filesystem::path> files_of(
    const std::filesystem::path& root, const std::array<const char*, n>& directories) {
  std::map<std::string, std::filesystem::path> files;
  for (const char* directory : directories) {
    std::error_code error;
    for (const auto& one : std::filesystem::directory_iterator(root / directory, error)) {
      files.try_emplace(one.path().filename().string(), one.path());
    }
  }
  return files;
}

/// As sd_booted(3).
inline bool started_by_systemd(const std::filesystem::path& root) {
  std::error_code error;
  return std::filesystem::is_directory(root / "run/systemd/system", error);
}

}  // namespace ctflow
