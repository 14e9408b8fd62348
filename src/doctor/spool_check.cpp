// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/spool_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "text/octets_text.hpp"
#include "transport/spool/spool_names.hpp"

namespace ctflow {
namespace {

struct Orphans {
  std::size_t files = 0;
  std::uint64_t octets = 0;
};

void check_directory(const Config& config, const std::string& directory, Findings& found) {
  const std::vector<std::string> owners = spool_owners(config, directory);
  std::map<std::string, Orphans> orphans;
  for (const SpoolFile& file : list_spool_files(directory)) {
    const bool owned = std::find(owners.begin(), owners.end(), file.collector) != owners.end();
    if (!file.messages || owned) continue;
    ++orphans[file.collector].files;
    orphans[file.collector].octets += file.octets;
  }
  for (const auto& [collector, what] : orphans) {
    if (spool_in_use(directory, collector)) continue;  // of another ctflowd
    found.wrong.push_back(
        {"spool_without_collector",
         fmt::format("{} files ({}) in {} wait for {}, and no collector with this name keeps its "
                     "messages there: they are not sent",
                     what.files, octets_text(what.octets), directory, collector),
         fmt::format("give a collector this name again until they are sent, or rm {}/{}-*.spool",
                     directory, collector)});
  }
}

}  // namespace

Findings check_spools(const Config& config) {
  Findings found;
  for (const std::string& directory : spool_directories(config)) {
    check_directory(config, directory, found);
  }
  return found;
}

}  // namespace ctflow
