// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "log/log.hpp"

namespace ctflow::nat {

void DayFiles::lock() {
  if (lock_.is_open()) return;
  std::filesystem::create_directories(directory_);
  const std::string name = directory_ + "/lock";
  Descriptor lock(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.is_open()) throw std::system_error(errno, std::generic_category(), name);
  if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    const int why = errno == EWOULDBLOCK ? EBUSY : errno;
    throw std::system_error(why, std::generic_category(), name);
  }
  lock_ = std::move(lock);
}

bool DayFiles::exists(Day day) const {
  return open_.count(day) > 0 || std::filesystem::exists(path(day));
}

bool DayFiles::is_sealed(Day day) const {
  struct stat found {};
  if (stat(path(day).c_str(), &found) != 0 || (found.st_mode & S_IWUSR) != 0) return false;
  // A power cut may take the right to write that one got back for a row, but not the row.
  return !std::filesystem::exists(path(day) + "-wal");
}

DayFile& DayFiles::writable(Day day, MonoTime now, bool durable) {
  Open& one = open_[day];
  if (!one.file) {
    try {
      one.file = std::make_unique<DayFile>(directory_, day);
    } catch (...) {
      open_.erase(day);
      throw;
    }
  }
  one.used = now;
  one.file->begin(durable);
  return *one.file;
}

bool DayFiles::close_replaced(Day today) {
  bool found = false;
  for (auto one = open_.begin(); one != open_.end();) {
    const bool replaced = one->second.file->replaced();
    found = found || (replaced && one->first == today);
    one = replaced ? open_.erase(one) : std::next(one);
  }
  if (found) open_.clear();
  return found;
}

void DayFiles::commit(Day last) {
  for (auto& [day, one] : open_) {
    if (day != last) one.file->commit();
  }
  if (const auto found = open_.find(last); found != open_.end()) found->second.file->commit();
}

void DayFiles::rollback() noexcept {
  for (auto& [day, one] : open_) one.file->rollback();
}

void DayFiles::close_idle(Day today, MonoTime now) {
  constexpr std::chrono::minutes kIdle{1};
  for (auto one = open_.begin(); one != open_.end();) {
    if (one->first == today || now - one->second.used < kIdle) {
      ++one;
      continue;
    }
    try {
      if (one->first < today && !one->second.file->has_open()) one->second.file->seal();
    } catch (const SqliteError& error) {  // somebody reads it: the next start tries again
      log::info("nat_log_not_sealed file={} error={}", log::quoted(path(one->first)),
                log::quoted(error.what()));
    }
    one = open_.erase(one);
  }
}

std::size_t DayFiles::remove_old(std::chrono::days retention, Moment now) {
  std::size_t removed = 0;
  for (const Day day : days()) {
    if (!is_old(day, retention, now)) break;
    open_.erase(day);
    for (const char* const suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::remove(path(day) + suffix, ignored);
    }
    ++removed;
  }
  return removed;
}

}  // namespace ctflow::nat
