// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/counter_resets.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace ctflow {
namespace {

/// They read the table with IPCTNL_MSG_CT_GET_CTRZERO: the first all the time, the second if it was
/// called with -z.
constexpr std::array<std::string_view, 2> kKnown{"nlbwmon", "conntrack"};

}  // namespace

std::set<std::string> programs_that_reset_counters(const std::string& processes) {
  std::set<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(processes, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    std::string command;
    std::ifstream file(entry->path() / "comm");
    std::getline(file, command);
    if (std::find(kKnown.begin(), kKnown.end(), command) != kKnown.end()) found.insert(command);
  }
  return found;
}

bool hides_processes(const std::string& processes) {
  std::error_code error;
  return !std::filesystem::exists(std::filesystem::path(processes) / "1", error);
}

}  // namespace ctflow
