// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <optional>
#include <string_view>
#include <utility>

#include "process/disk_errors.hpp"
#include "text/number_text.hpp"

namespace ctflow {
namespace {

constexpr std::string_view kExtension = ".spool";
constexpr std::size_t kDigits = 16;

/// The number in `COLLECTOR-NUMBER.spool`; nothing for another file.
std::optional<std::uint64_t> number_of(std::string_view name, std::string_view collector) {
  if (name.size() != collector.size() + 1 + kDigits + kExtension.size()) return std::nullopt;
  if (name.substr(0, collector.size()) != collector || name[collector.size()] != '-') {
    return std::nullopt;
  }
  if (name.substr(name.size() - kExtension.size()) != kExtension) return std::nullopt;
  // A higher one is none that ctflowd gives.
  return text::parse_number<std::uint64_t>(name.substr(collector.size() + 1, kDigits),
                                           SpoolDirectory::kLastNumber, 16);
}

}  // namespace

SpoolDirectory::SpoolDirectory(std::string name, std::string collector, SpoolFiles& files)
    : name_(std::move(name)),
      collector_(std::move(collector)),
      lock_path_(name_ + "/" + collector_ + ".lock"),
      files_(files) {}

std::error_code SpoolDirectory::lock() {
  constexpr mode_t kOwner = 0600;
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Descriptor file(files_.open(lock_path_, O_RDWR | O_CREAT, kOwner));
    if (!file.is_open()) return last_error();
    if (flock(file.number(), LOCK_EX | LOCK_NB) != 0) return last_error();
    struct stat found {};
    if (files_.status(file.number(), found) != 0) return last_error();
    // One that was removed in between locks out no other: they lock the file that has its name.
    if (!is_named(found.st_dev, found.st_ino)) continue;
    lock_ = std::move(file);
    device_ = found.st_dev;
    inode_ = found.st_ino;
    return {};
  }
  return std::make_error_code(std::errc::resource_unavailable_try_again);
}

std::error_code SpoolDirectory::keep_lock() {
  return is_named(device_, inode_) ? std::error_code{} : lock();
}

bool SpoolDirectory::is_named(dev_t device, ino_t inode) const {
  struct stat named {};
  return files_.status(lock_path_, named) == 0 && named.st_dev == device && named.st_ino == inode;
}

std::error_code SpoolDirectory::list(std::vector<Entry>& entries) const {
  std::vector<std::string> names;
  if (files_.list(name_, names) != 0) return last_error();
  std::vector<Entry> found;
  for (const std::string& name : names) {
    const std::optional<std::uint64_t> number = number_of(name, collector_);
    if (!number) continue;
    struct stat status {};
    if (files_.status(name_ + "/" + name, status) != 0) {
      if (errno == ENOENT) continue;  // gone meanwhile
      return last_error();
    }
    if (!S_ISREG(status.st_mode)) continue;
    found.push_back({*number, static_cast<std::uint64_t>(status.st_size)});
  }
  entries = std::move(found);
  return {};
}

std::string SpoolDirectory::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}-{:016x}{}", name_, collector_, number, kExtension);
}

std::error_code SpoolDirectory::probe() const {
  return files_.writable(name_) == 0 ? std::error_code{} : last_error();
}

}  // namespace ctflow
