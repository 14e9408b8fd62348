// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/ipfix_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "ledger/export_amount.hpp"
#include "process/disk_errors.hpp"
#include "process/free_name.hpp"
#include "text/number_text.hpp"
#include "text/time_text.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kPart = ".part";
constexpr mode_t kOwnerAndGroup = 0640;

std::string name_at(const std::string& pattern, TimePoint now) {
  // A name of the configuration; empty only when it is too long.
  std::string text = text::time_by_pattern(std::chrono::floor<std::chrono::seconds>(now), pattern);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '/' || c == '\n' || c == '\t'; },
      '-');  // %D, %n, %t
  return text.empty() ? "ctflowd.ipfix" : text;
}

/// `name`, or the same with a number before the extension.
std::string numbered(const std::string& name, std::uint64_t number) {
  if (number == 0) return name;
  const fs::path path(name);
  return fmt::format("{}-{}{}", path.stem().string(), number, path.extension().string());
}

/// The number in the name of a file, whole or `.part`, that numbered(name, …) gave. Nothing:
/// another name.
std::optional<std::uint64_t> number_in(std::string_view file, const std::string& name) {
  const std::string_view part(kPart);
  if (file.size() > part.size() && file.substr(file.size() - part.size()) == part) {
    file.remove_suffix(part.size());
  }
  if (file == name) return 0;
  const fs::path path(name);
  const std::string before = path.stem().string() + "-";
  const std::string behind = path.extension().string();
  if (file.size() <= before.size() + behind.size() || file.substr(0, before.size()) != before ||
      file.substr(file.size() - behind.size()) != behind) {
    return std::nullopt;
  }
  file = file.substr(before.size(), file.size() - before.size() - behind.size());
  constexpr std::uint64_t kHighest = (std::uint64_t{1} << 62) - 1;
  return text::parse_number(file, kHighest);
}

/// Where the last whole message ends; 0: no IPFIX at all.
std::uint64_t whole_messages(int file) {
  std::uint64_t end = 0;
  struct stat status {};
  if (fstat(file, &status) != 0) return 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::array<std::byte, 4> header{};
  while (pread(file, header.data(), header.size(), static_cast<off_t>(end)) ==
         static_cast<ssize_t>(header.size())) {
    constexpr std::uint16_t kVersion = 10;  // RFC 7011 section 3.1
    constexpr std::uint16_t kShortest = 16;
    const auto length = wire::load<std::uint16_t>(header, 2);
    if (wire::load<std::uint16_t>(header, 0) != kVersion || length < kShortest) break;
    if (length > size - end) break;
    end += length;
  }
  return end;
}

}  // namespace

IpfixFileTransport::IpfixFileTransport(boost::asio::io_context& io, const CollectorConfig& config,
                                       ExportLedger& ledger, Clock clock)
    : config_(config), clock_(std::move(clock)), ledger_(ledger), timer_(io) {}

IpfixFileTransport::~IpfixFileTransport() { finish_file(); }

bool IpfixFileTransport::recover_parts() {
  std::error_code error;
  bool all = true;
  for (fs::directory_iterator entry(config_.file.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == kPart) all = recover_part(entry->path().string()) && all;
  }
  return all && !error;
}

bool IpfixFileTransport::recover_part(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return errno == ENOENT || errno == ELOOP;
  bool done = true;
  // A process that still writes it holds the lock.
  if (flock(file.number(), LOCK_EX | LOCK_NB) == 0) {
    const std::uint64_t end = whole_messages(file.number());
    const std::string final = path.substr(0, path.size() - std::string(kPart).size());
    if (end > 0 && ftruncate(file.number(), static_cast<off_t>(end)) == 0) {
      const std::error_code error = rename_to_free_name(path, final);
      done = !error || error == std::errc::file_exists;
      if (!error) {
        log::info("file_recovered collector={} file={} octets={}", config_.name, log::quoted(final),
                  end);
      }
    }
  }
  return done;
}

bool IpfixFileTransport::prepare() {
  finish_if_over(clock_().wall);
  failing_ = false;  // what failed once is worth another try
  return std::exchange(news_, false);
}

void IpfixFileTransport::finish_if_over(TimePoint now) {
  // A clock that was set back does not keep a file open for longer than two intervals.
  if (file_.is_open() && (now >= end_ || now < end_ - 2 * config_.file.interval)) finish_file();
}

std::error_code IpfixFileTransport::find_next_part() {
  std::error_code error;
  std::uint64_t highest = 0;
  for (fs::directory_iterator entry(config_.file.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    highest = std::max(highest, number_in(entry->path().filename().string(), name_).value_or(0));
  }
  next_part_ = std::max(next_part_, highest + 1);
  return error;
}

std::error_code IpfixFileTransport::open_part(TimePoint now) {
  std::string name = name_at(config_.file.name, now);
  if (name != name_) next_part_ = 0;
  name_ = std::move(name);
  constexpr int kAttempts = 16;  // others may make files of this name as well
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    path_ = fmt::format("{}/{}", config_.file.directory, numbered(name_, next_part_));
    struct stat found {};
    if (lstat(path_.c_str(), &found) != 0) {
      if (errno != ENOENT) return last_error();
      file_.reset(
          open((path_ + kPart).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerAndGroup));
      if (file_.is_open()) {
        flock(file_.number(), LOCK_EX | LOCK_NB);
        ++next_part_;
        return {};
      }
      if (errno != EEXIST) return last_error();
    }
    if (const std::error_code error = find_next_part()) return error;
  }
  return std::make_error_code(std::errc::file_exists);
}

std::error_code IpfixFileTransport::name_file() {
  const std::string part = path_ + kPart;
  constexpr int kAttempts = 16;
  std::error_code error;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    error = rename_to_free_name(part, path_);
    if (error != std::errc::file_exists) break;
    if (const std::error_code unknown = find_next_part()) return unknown;
    path_ = fmt::format("{}/{}", config_.file.directory, numbered(name_, next_part_++));
  }
  return error;
}

std::error_code IpfixFileTransport::begin_file(TimePoint now) {
  if (!recovered_) recovered_ = recover_parts();
  if (const std::error_code error = open_part(now)) return error;
  size_ = 0;
  sequence_ = {};
  for (const CountedMessage& first : origin_->first_messages) {
    std::vector<std::byte> bytes = first.bytes;
    sequence_.stamp(bytes, first.content, kFirstMessages, now);
    if (const std::error_code error = append(bytes)) {
      file_.reset();
      static_cast<void>(unlink((path_ + kPart).c_str()) == 0);
      return error;
    }
  }
  opening_size_ = size_;
  carried_ = {};
  const auto since = std::chrono::duration_cast<milliseconds>(now.time_since_epoch());
  end_ = TimePoint(since - since % config_.file.interval + config_.file.interval);
  watch_time(now);
  return {};
}

void IpfixFileTransport::watch_time(TimePoint now) {
  // For a file to which nothing is added any more; messages look at the clock themselves.
  constexpr milliseconds kAtLeast{1};
  timer_.after(std::max<TimePoint::duration>(end_ - now, kAtLeast), [this] {
    if (!file_.is_open()) return;
    const TimePoint later = clock_().wall;
    finish_if_over(later);
    if (file_.is_open()) watch_time(later);
  });
}

std::error_code IpfixFileTransport::append(std::span<const std::byte> bytes) {
  std::uint64_t at = size_;
  while (!bytes.empty()) {
    const ssize_t count =
        pwrite(file_.number(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const std::error_code error =
          count < 0 ? last_error() : std::make_error_code(std::errc::no_space_on_device);
      // Fails harmlessly: the next message is written over the rest.
      static_cast<void>(ftruncate(file_.number(), static_cast<off_t>(size_)) == 0);
      return error;
    }
    at += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  size_ = at;
  return {};
}

std::error_code IpfixFileTransport::write(std::span<const std::byte> message,
                                          const MessageContent& content, TimePoint now) {
  if (!file_.is_open()) {
    if (const std::error_code error = begin_file(now)) return error;
  }
  std::vector<std::byte> bytes(message.begin(), message.end());
  sequence_.stamp(bytes, content, origin_->run, now);
  if (const std::error_code error = append(bytes)) return error;
  if (carried_.messages == 0) count_beginning();
  carried_ += amount_of(content);
  return {};
}

void IpfixFileTransport::count_beginning() {
  for (const CountedMessage& first : origin_->first_messages) {
    ledger_.sent(first.content, first.bytes.size());
  }
  ledger_.session_begun();
}

void IpfixFileTransport::send(std::span<const std::byte> message, const MessageContent& content) {
  const TimePoint now = clock_().wall;
  finish_if_over(now);
  const bool full = size_ + message.size() > config_.file.size && size_ > opening_size_;
  if (file_.is_open() && full) finish_file();
  const bool continues = file_.is_open();
  std::error_code error = write(message, content, now);
  if (error && continues && !lacks_room(error)) {
    // The file cannot grow, or its descriptor is useless because the file system was away: another
    // file may do.
    finish_file();
    error = write(message, content, now);
  }
  if (error) {
    ledger_.lost(LossReason::kWriteError, content);
    failed(error, "write");
  } else {
    failing_ = false;
    ledger_.sent(content, message.size());
  }
}

void IpfixFileTransport::finish_file() {
  if (!file_.is_open()) return;
  timer_.cancel();
  news_ = true;
  const bool closed = file_.reset() == 0;
  const std::error_code not_closed = closed ? std::error_code{} : last_error();
  if (carried_.messages == 0) {  // only templates
    static_cast<void>(unlink((path_ + kPart).c_str()) == 0);
    return;
  }
  // What cannot be completed now is completed before the next file is begun, as what an earlier
  // process left is.
  if (not_closed) {
    failed(not_closed, "close");
    recovered_ = false;
    log::error(
        "file_incomplete collector={} file={} messages={} flows={} error={} impact=\"some of "
        "these, which were counted as sent, may be missing in the file\" fix=\"check the disk and "
        "the file system: dmesg\"",
        config_.name, log::quoted(path_), carried_.messages, carried_.flows,
        log::quoted(not_closed.message()));
  } else if (const std::error_code error = name_file()) {
    failed(error, "rename");
    recovered_ = false;
  } else {
    log::info("file_written collector={} file={} octets={}", config_.name, log::quoted(path_),
              size_);
  }
}

void IpfixFileTransport::failed(const std::error_code& error, const char* doing) {
  failing_ = true;
  last_failure_ = {FailureKind::kFile, error.message(), clock_().steady};
  if (failure_log_.allow()) {
    log::error(
        "file_failed collector={} file={} doing={} error={} suppressed={} impact=\"messages that "
        "cannot be written are lost\" fix=\"make room in the directory, or let ctflowd write "
        "there\"",
        config_.name, log::quoted(path_), doing, log::quoted(error.message()),
        failure_log_.suppressed());
  }
}

}  // namespace ctflow
