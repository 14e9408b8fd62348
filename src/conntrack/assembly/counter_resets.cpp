// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/counter_resets.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace ctflow {
namespace {

/// They read the table with IPCTNL_MSG_CT_GET_CTRZERO: nlbwmon all the time, conntrack if it was
/// called with -z.
bool resets_counters(const std::filesystem::path& process, const std::string& command) {
  if (command == "nlbwmon") return true;
  if (command != "conntrack") return false;
  std::ifstream file(process / "cmdline");
  for (std::string word; std::getline(file, word, '\0');) {
    if (word == "-z" || word.rfind("--ze", 0) == 0) return true;
  }
  return false;
}

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
    if (resets_counters(entry->path(), command)) found.insert(command);
  }
  return found;
}

bool hides_processes(const std::string& processes) {
  std::error_code error;
  return !std::filesystem::exists(std::filesystem::path(processes) / "1", error);
}

CounterResetters find_counter_resetters() {
  const std::set<std::string> programs = programs_that_reset_counters();
  return {{programs.begin(), programs.end()}, hides_processes()};
}

}  // namespace ctflow
