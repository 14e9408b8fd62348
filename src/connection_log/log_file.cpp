// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <vector>

#include "process/disk_errors.hpp"
#include "process/free_name.hpp"
#include "text/errno_text.hpp"
#include "text/number_text.hpp"
#include "text/time_text.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr mode_t kOwnerAndGroup = 0640;
constexpr std::chrono::seconds kLook{1};

/// `.20261126T221500Z`.
std::string suffix_at(TimePoint now) {
  return "." + text::compact_utc_text(std::chrono::floor<std::chrono::seconds>(now));
}

/// Whether suffix_at() gave it, with a number behind it or without.
bool is_rotated(std::string_view suffix) {
  constexpr std::size_t kLength = 17;  // .YYYYmmddTHHMMSSZ
  if (suffix.size() < kLength || suffix[0] != '.' || suffix[9] != 'T' || suffix[16] != 'Z') {
    return false;
  }
  for (std::size_t i = 1; i < 16; ++i) {
    if (i != 9 && !text::is_digit(suffix[i])) return false;
  }
  suffix.remove_prefix(kLength);
  if (suffix.empty()) return true;
  if (suffix.size() < 2 || suffix[0] != '-') return false;
  suffix.remove_prefix(1);
  return std::all_of(suffix.begin(), suffix.end(), text::is_digit);
}

}  // namespace

LogFile::LogFile(std::string path, const RotationConfig& rotate, Clock clock)
    : path_(std::move(path)), rotate_(rotate), clock_(std::move(clock)) {}

std::error_code LogFile::open_file(TimePoint now) {
  doing_ = "open";
  // Of a pipe without a reader, or a link to somebody else's file, nothing good would come.
  file_.reset(open(path_.c_str(),
                   O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                   kOwnerAndGroup));
  struct stat found {};
  if (!file_.is_open() || fstat(file_.number(), &found) != 0) return last_error();
  if (!S_ISREG(found.st_mode)) {
    file_.reset();
    return std::make_error_code(std::errc::not_supported);
  }
  size_ = static_cast<std::uint64_t>(found.st_size);
  looked_ = clock_().steady;
  end_ = TimePoint::max();
  if (rotate_.interval.count() > 0) {
    // A file that goes on is over when the interval of its last line is.
    const TimePoint changed{std::chrono::seconds(found.st_mtim.tv_sec)};
    const TimePoint since = size_ > 0 ? std::min(changed, now) : now;
    const auto stamp = std::chrono::duration_cast<milliseconds>(since.time_since_epoch());
    end_ = TimePoint(stamp - stamp % rotate_.interval + rotate_.interval);
  }
  ++news_.begun;
  const std::error_code error = finish_torn_line();
  if (error) file_.reset();
  return error;
}

std::error_code LogFile::finish_torn_line() {
  char last = '\n';
  if (size_ == 0) return {};
  if (pread(file_.number(), &last, 1, static_cast<off_t>(size_ - 1)) != 1) return last_error();
  if (last == '\n') return {};
  ++news_.torn;
  return write_all("\n");
}

void LogFile::watch_name() {
  const MonoTime now = clock_().steady;
  if (now - looked_ < kLook) return;
  looked_ = now;
  struct stat named {};
  struct stat mine {};
  const bool same = lstat(path_.c_str(), &named) == 0 && fstat(file_.number(), &mine) == 0 &&
                    named.st_dev == mine.st_dev && named.st_ino == mine.st_ino;
  if (same) {
    size_ = static_cast<std::uint64_t>(mine.st_size);  // others may have cut it
  } else {
    file_.reset();
  }
}

bool LogFile::is_over(std::size_t more, TimePoint now) const {
  if (size_ == 0) return false;
  if (rotate_.size > 0 && size_ + more > rotate_.size) return true;
  // A clock that was set back does not keep a file open for longer than two intervals.
  return rotate_.interval.count() > 0 && (now >= end_ || now < end_ - 2 * rotate_.interval);
}

void LogFile::failed(const char* doing, int error) {
  news_.failed = fmt::format("{}: {}", doing, text::errno_text(error));
}

void LogFile::rotate(TimePoint now) {
  const std::string base = path_ + suffix_at(now);
  // Numbers of one second ascend also where the first files are gone: that is the order of age.
  number_ = base == base_ ? number_ + 1 : 0;
  base_ = base;
  std::error_code error;
  constexpr int kAttempts = 10'000;
  for (int i = 0; i < kAttempts; ++i, ++number_) {
    const std::string name = number_ == 0 ? base : fmt::format("{}-{}", base, number_);
    error = rename_to_free_name(path_, name);
    if (!error) {
      file_.reset();
      ++news_.rotated;
      remove_oldest();
      return;
    }
    if (error != std::errc::file_exists) break;
  }
  // The lines go on in the same file. For its size that is tried again when its name is looked at
  // the next time, which finds the size; for its time an interval later.
  failed("rotate", error.value());
  if (rotate_.size > 0) size_ = 0;
  if (rotate_.interval.count() > 0) end_ = now + rotate_.interval;
}

void LogFile::remove_oldest() {
  if (rotate_.keep == 0) return;
  const fs::path path(path_);
  const std::string name = path.filename().string();
  std::vector<std::string> rotated;
  std::error_code error;
  for (fs::directory_iterator entry(path.parent_path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string other = entry->path().filename().string();
    if (other.rfind(name, 0) == 0 && is_rotated(std::string_view(other).substr(name.size()))) {
      rotated.push_back(entry->path().string());
    }
  }
  if (error) failed("list", error.value());
  // By time; those of one second by their numbers.
  std::sort(rotated.begin(), rotated.end(), [](const std::string& one, const std::string& other) {
    const auto stamp = [](const std::string& file) { return file.substr(0, file.rfind('Z')); };
    if (stamp(one) != stamp(other)) return stamp(one) < stamp(other);
    return one.size() != other.size() ? one.size() < other.size() : one < other;
  });
  for (std::size_t i = 0; i + rotate_.keep < rotated.size(); ++i) {
    if (unlink(rotated[i].c_str()) != 0) failed("remove", errno);
  }
}

std::error_code LogFile::write_all(std::string_view lines) {
  struct stat before {};
  if (fstat(file_.number(), &before) != 0) return last_error();
  while (!lines.empty()) {
    const ssize_t count = write(file_.number(), lines.data(), lines.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const std::error_code error =
          count < 0 ? last_error() : std::make_error_code(std::errc::no_space_on_device);
      // Where that fails the rest of a line stays, and gets a line feed when the file is opened.
      static_cast<void>(ftruncate(file_.number(), before.st_size) == 0);
      return error;
    }
    lines.remove_prefix(static_cast<std::size_t>(count));
    size_ += static_cast<std::uint64_t>(count);
  }
  return {};
}

std::error_code LogFile::begin(TimePoint now) {
  return file_.is_open() ? std::error_code{} : open_file(now);
}

std::error_code LogFile::append(std::string_view lines, TimePoint now) {
  if (file_.is_open()) watch_name();
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!file_.is_open()) {
      if (const std::error_code error = open_file(now)) return error;
    }
    if (!is_over(lines.size(), now)) break;
    rotate(now);
    if (file_.is_open()) break;
  }
  doing_ = "write";
  const std::error_code error = write_all(lines);
  if (error) file_.reset();
  return error;
}

}  // namespace ctflow
