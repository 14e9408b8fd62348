// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/fixes.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ctflow {

std::string fix_of_directory(const std::string& directory) {
  std::filesystem::path place(directory);
  struct stat found {};
  while (stat(place.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR) &&
         place.has_relative_path()) {
    place = place.parent_path();
  }
  struct statvfs system {};
  if (statvfs(place.c_str(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0) {
    return "mount its file system writable, or set another directory";
  }
  if (!S_ISDIR(found.st_mode)) {
    return "set another directory: " + place.string() + " is none";
  }
  std::string command = "install -d -m 0750 -o ctflowd " + directory;
  // Done to /run or /var/log, it would take these from all others.
  std::error_code error;
  const bool empty = place != directory || std::filesystem::is_empty(place, error);
  if (empty && !error) return command;
  return "set a directory that only ctflowd uses; or, if this is one, " + command;
}

std::string fix_of_way(const CollectorConfig& collector) {
  std::string fix = "ip route get " + collector.address;
  if (collector.bind_device.empty() && collector.source_address.empty()) return fix;
  fix += "; correct the route or ";
  fix += collector.source_address.empty() ? "bind_device"
         : collector.bind_device.empty()  ? "source_address"
                                          : "bind_device and source_address";
  return fix;
}

}  // namespace ctflow
