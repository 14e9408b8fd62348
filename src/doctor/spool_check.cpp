// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/spool_check.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <map>

#include "text/octets_text.hpp"
#include "text/people_text.hpp"
#include "transport/spool/spool_names.hpp"

namespace ctflow {
namespace {

struct Orphans {
  std::size_t files = 0;
  std::uint64_t octets = 0;
};

/// A name that no ctflowd has given: it never gets to numbers that high.
Finding unread(const SpoolFile& file, const std::string& directory) {
  return {"spool_file_unread",
          fmt::format("ctflowd gives no file of a spool so high a number, and does not read {} "
                      "({}): what it has is not sent",
                      file.path, octets_text(file.octets)),
          fmt::format("stop ctflowd, mv -n {} {}/{}-{:016x}.spool, with a number that none has "
                      "there, and start it; or rm the file",
                      file.path, directory, file.collector, 0)};
}

void check_directory(const Config& config, const std::string& directory, Findings& found) {
  const std::vector<std::string> owners = spool_owners(config, directory);
  std::map<std::string, Orphans> orphans;
  for (const SpoolFile& file : list_spool_files(directory)) {
    const bool owned = std::find(owners.begin(), owners.end(), file.collector) != owners.end();
    if (file.messages && owned && !file.read) found.wrong.push_back(unread(file, directory));
    if (!file.messages || owned) continue;
    ++orphans[file.collector].files;
    orphans[file.collector].octets += file.octets;
  }
  for (const auto& [collector, what] : orphans) {
    if (spool_in_use(directory, collector)) continue;  // of another ctflowd
    found.wrong.push_back(
        {"spool_without_collector",
         fmt::format("{} ({}) in {} {} for {}, and no collector with this name keeps its messages "
                     "there: they are not sent",
                     text::count_text(what.files, "file", "files"), octets_text(what.octets),
                     directory, what.files == 1 ? "waits" : "wait", collector),
         // As many as the number has digits: a "*" would also be for a collector NAME-2.
         fmt::format("give a collector this name again, with that spool.directory, until they are "
                     "sent, or rm {}/{}-????????????????.spool",
                     directory, collector)});
  }
}

/// Octets of the messages that wait for these collectors.
std::uint64_t used_by(const std::vector<std::string>& owners, const std::string& directory) {
  std::uint64_t used = 0;
  for (const SpoolFile& file : list_spool_files(directory)) {
    const bool owned = std::find(owners.begin(), owners.end(), file.collector) != owners.end();
    if (file.messages && owned) used += file.octets;
  }
  return used;
}

}  // namespace

std::optional<std::uint64_t> free_octets(const std::string& directory) {
  struct statvfs found {};
  if (statvfs(directory.c_str(), &found) != 0) return std::nullopt;
  if (found.f_blocks == 0) return std::nullopt;  // as /proc: no file system that keeps anything
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

Findings check_spool_sizes(const Config& config, const FreeOctets& free) {
  Findings found;
  for (const std::string& directory : spool_directories(config)) {
    const std::optional<std::uint64_t> left = free(directory);
    if (!left) continue;  // that it cannot be used is said elsewhere
    const std::uint64_t most = spool_sizes(config, directory);
    const std::uint64_t room = *left + used_by(spool_owners(config, directory), directory);
    if (most <= room) continue;
    found.wrong.push_back(
        {"spool_larger_than_disk",
         fmt::format("spool.size lets the spools in {} have {} together, and their file system has "
                     "{} for them: when it is full, messages wait in memory only, up to "
                     "spool.memory (of a Kafka topic: buffer), and then are lost",
                     directory, octets_text(most), octets_text(room)),
         "set spool.size to what is free, or spool.directory to a larger file system"});
  }
  return found;
}

Findings check_spools(const Config& config, const std::set<std::string>& earlier) {
  Findings found;
  std::set<std::string> directories = earlier;
  for (const std::string& directory : spool_directories(config)) directories.insert(directory);
  for (const std::string& directory : directories) check_directory(config, directory, found);
  return found;
}

}  // namespace ctflow
