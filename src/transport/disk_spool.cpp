// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/disk_spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

#include "observe/log.hpp"
#include "transport/carried.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".spool";
constexpr std::size_t kDigits = 16;

/// The number in `COLLECTOR-NUMBER.spool`; nothing for another file.
std::optional<std::uint64_t> number_of(std::string_view name, std::string_view collector) {
  if (name.size() != collector.size() + 1 + kDigits + kExtension.size()) return std::nullopt;
  if (name.substr(0, collector.size()) != collector || name[collector.size()] != '-') {
    return std::nullopt;
  }
  if (name.substr(name.size() - kExtension.size()) != kExtension) return std::nullopt;
  const char* digits = name.data() + collector.size() + 1;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits, digits + kDigits, number, 16);
  if (error != std::errc() || end != digits + kDigits) return std::nullopt;
  return number;
}

}  // namespace

DiskSpool::DiskSpool(std::string collector, const SpoolConfig& config)
    : collector_(std::move(collector)),
      config_(config),
      // Several files, so that dropping the oldest one drops a part; none so large that removing
      // what was sent takes long to give room back.
      segment_size_(std::clamp<std::uint64_t>(config.size / 8, 1, std::uint64_t{16} << 20)) {}

DiskSpool::~DiskSpool() {
  if (lock_ >= 0) close(lock_);
}

std::string DiskSpool::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}-{:016x}{}", config_.directory, collector_, number, kExtension);
}

std::error_code DiskSpool::lock() {
  constexpr mode_t kOwner = 0600;
  const std::string path = fmt::format("{}/{}.lock", config_.directory, collector_);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwner);
  if (file < 0) return {errno, std::generic_category()};
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const std::error_code error(errno, std::generic_category());
    close(file);
    return error;
  }
  lock_ = file;
  return {};
}

std::error_code DiskSpool::open(Carried& recovered, std::uint64_t& damaged) {
  if (const std::error_code error = lock()) return error;
  std::error_code error;
  for (fs::directory_iterator entry(config_.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<std::uint64_t> number = number_of(name, collector_);
    if (!number) continue;
    next_number_ = std::max(next_number_, *number + 1);
    SpoolSegment::Found found = SpoolSegment::recover(entry->path().string(), *number);
    damaged += found.damaged;
    if (!found.segment) {
      std::error_code ignored;  // out of the way, for a person to look at
      fs::rename(entry->path(), fs::path(entry->path()).replace_extension(".damaged"), ignored);
      log::warn("spool_damaged collector={} file={}", collector_,
                log::quoted(entry->path().string()));
      continue;
    }
    recovered += found.segment->unread();
    size_ += found.segment->size();
    remove_if_done(segments_.emplace(*number, std::move(found.segment)).first);
  }
  return error;
}

DiskSpool::Segments::iterator DiskSpool::drop(Segments::iterator segment) {
  size_ -= segment->second->size();
  if (writable_ == segment->second.get()) writable_ = nullptr;
  segment->second->remove();
  return segments_.erase(segment);
}

void DiskSpool::remove_if_done(Segments::iterator segment) {
  if (segment->second->done()) drop(segment);
}

std::error_code DiskSpool::make_room(const std::shared_ptr<const Origin>& origin,
                                     std::size_t length, Carried& dropped) {
  while (!segments_.empty() && size_ + length > config_.size &&
         (segments_.size() > 1 || writable_ == nullptr)) {
    dropped += segments_.begin()->second->unread();
    drop(segments_.begin());
  }
  if (writable_ != nullptr && writable_->origin() == origin && writable_->size() < segment_size_) {
    return {};
  }
  std::error_code error;
  std::unique_ptr<SpoolSegment> segment =
      SpoolSegment::create(path_of(next_number_), next_number_, origin, error);
  if (error) return error;
  size_ += segment->size();
  writable_ = segment.get();
  segments_.emplace(next_number_++, std::move(segment));
  return {};
}

std::error_code DiskSpool::append(KeptMessage& message, Carried& dropped) {
  if (const std::error_code error = make_room(message.origin, message.bytes.size(), dropped)) {
    return error;
  }
  const std::uint64_t before = writable_->size();
  std::error_code error;
  const DiskPlace place = writable_->append(message, error);
  if (error) return error;
  size_ += writable_->size() - before;
  message.place = place;
  return {};
}

bool DiskSpool::empty() const {
  return std::all_of(segments_.begin(), segments_.end(),
                     [](const auto& one) { return one.second->unread().messages == 0; });
}

std::optional<TimePoint> DiskSpool::oldest() const {
  const auto first = std::find_if(segments_.begin(), segments_.end(), [](const auto& one) {
    return one.second->unread().messages > 0;
  });
  if (first == segments_.end()) return std::nullopt;
  return first->second->oldest();
}

std::optional<KeptMessage> DiskSpool::read(Carried& damaged) {
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    if (segment->second->unread().messages == 0) {
      ++segment;
      continue;
    }
    if (std::optional<KeptMessage> message = segment->second->read()) return message;
    damaged += segment->second->unread();
    segment = drop(segment);
  }
  return std::nullopt;
}

Carried DiskSpool::drop_older_than(TimePoint limit) {
  Carried dropped;
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    if (segment->second->unread().messages > 0 && segment->second->newest() < limit) {
      dropped += segment->second->unread();
      segment = drop(segment);
    } else {
      ++segment;
    }
  }
  return dropped;
}

void DiskSpool::mark(const DiskPlace& place, bool handed_over) {
  const auto segment = segments_.find(place.segment);
  if (segment != segments_.end()) segment->second->mark(place.offset, handed_over);
}

void DiskSpool::settle(const DiskPlace& place) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end()) return;
  segment->second->settle();
  remove_if_done(segment);
}

}  // namespace ctflow
