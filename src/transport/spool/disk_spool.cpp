// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/disk_spool.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "ledger/export_amount.hpp"
#include "log/log.hpp"
#include "process/disk_errors.hpp"

namespace ctflow {

DiskSpool::DiskSpool(std::string collector, const SpoolConfig& config, SpoolFiles& files)
    : collector_(std::move(collector)),
      config_(config),
      directory_(config.directory, collector_, files),
      files_(files, directory_),
      // Several files, so that dropping the oldest one drops a part; none so large that removing
      // what was sent takes long to give room back.
      segment_size_(std::clamp<std::uint64_t>(config.size / 8, 1, std::uint64_t{16} << 20)) {}

std::error_code DiskSpool::open() {
  if (const std::error_code error = directory_.lock()) return error;
  std::vector<SpoolDirectory::Entry> entries;
  if (const std::error_code error = directory_.list(entries)) {
    directory_.unlock();  // all of it again, later
    return error;
  }
  for (const auto& [number, size] : entries) {
    next_number_ = std::max(next_number_, number + 1);
    segments_.emplace(
        number, std::make_unique<SpoolSegment>(files_, directory_.path_of(number), number, size));
    unscanned_.insert(number);
    size_ += size;
  }
  return {};
}

/// Others may be readable: this one has to wait for repair().
std::error_code DiskSpool::failed(Segments::iterator segment, const std::error_code& error) {
  if (!concerns_all_files(error)) {
    segment->second->suspended = true;
    troubled_.insert(segment->first);
  }
  open_.close_failed(*segment->second, error);
  return error;
}

/// A change of its state could not be written to the file, which `not_open` or was open.
std::error_code DiskSpool::owed(Segments::iterator segment, const std::error_code& not_open,
                                const std::error_code& error) {
  if (!error || (segment->second->unrecorded() && lacks_room(error))) return {};
  troubled_.insert(segment->first);
  open_.close_failed(*segment->second, error);
  return not_open ? not_open : error;
}

DiskSpool::Segments::iterator DiskSpool::forget(Segments::iterator segment) {
  SpoolSegment* one = segment->second.get();
  size_ -= std::min(size_, one->size());
  if (writable_ == one) writable_ = nullptr;
  if (unrecorded_ == segment->first) unrecorded_.reset();
  open_.forget(*one);
  unscanned_.erase(segment->first);
  troubled_.erase(segment->first);
  return segments_.erase(segment);
}

DiskSpool::Segments::iterator DiskSpool::remove_if_done(Segments::iterator segment,
                                                        std::error_code& error) {
  if (!segment->second->done()) return std::next(segment);
  error = segment->second->remove();
  if (!error) return forget(segment);
  troubled_.insert(segment->first);
  return std::next(segment);
}

void DiskSpool::set_aside(Segments::iterator segment, const ExportAmount& lost) {
  log::warn(
      "spool_damaged collector={} file={} messages={} flows={} impact=\"they are lost; the file is "
      "kept under another name\" fix=\"check the disk, then remove the file that ends in "
      ".damaged\"",
      collector_, log::quoted(segment->second->path()), lost.messages, lost.flows);
  segment->second->give_up();
}

std::error_code DiskSpool::recover(std::size_t budget, DiskChanges& changes) {
  for (auto number = unscanned_.begin(); number != unscanned_.end() && budget > 0;) {
    const auto segment = segments_.find(*number);
    SpoolSegment& one = *segment->second;
    if (one.suspended) {
      ++number;
      continue;
    }
    std::error_code error = open_.use(one);
    const std::uint64_t size = one.size();
    if (!error) error = one.scan(budget, changes.recovered);
    size_ -= size - std::min(size, one.size());  // as it is counted from now on
    if (error && error != std::errc::no_such_file_or_directory) return failed(segment, error);
    if (!error && !one.scanned()) break;
    number = unscanned_.erase(number);
    if (error) {
      if (one.usable()) changes.damaged += one.unread();  // what had been read of it before
      forget(segment);
      continue;
    }
    if (!one.usable()) set_aside(segment, one.unread());
    remove_if_done(segment, error);
    if (error) return error;
  }
  return {};
}

bool DiskSpool::recovering() const {
  return std::any_of(unscanned_.begin(), unscanned_.end(),
                     [&](std::uint64_t number) { return !segments_.at(number)->suspended; });
}

std::error_code DiskSpool::drop_oldest(DiskChanges& changes) {
  std::error_code error = std::make_error_code(std::errc::no_space_on_device);
  for (auto segment = segments_.begin(); segment != segments_.end(); ++segment) {
    SpoolSegment& one = *segment->second;
    if (&one == writable_ || one.suspended) continue;
    if (!one.scanned()) {
      // What goes has to be counted, and one file is soon read.
      if ((error = open_.use(one))) continue;
      std::size_t all = std::numeric_limits<std::size_t>::max();
      const std::uint64_t size = one.size();
      error = one.scan(all, changes.recovered);
      size_ -= size - std::min(size, one.size());
      if (error) {
        open_.close_failed(one, error);
        continue;
      }
      unscanned_.erase(segment->first);
      if (!one.usable()) set_aside(segment, one.unread());
    }
    error = one.remove();
    if (error) continue;
    changes.dropped += one.unread();
    forget(segment);
    return {};
  }
  return error;
}

std::error_code DiskSpool::create(const std::shared_ptr<const Origin>& origin) {
  constexpr int kAttempts = 16;  // another name than that of a file that appeared meanwhile
  std::error_code error;
  // A file with such a number was another's work, and is gone by now or has to go first.
  if (next_number_ > SpoolDirectory::kLastNumber - kAttempts) {
    next_number_ = segments_.empty() ? 0 : segments_.rbegin()->first + 1;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (next_number_ > SpoolDirectory::kLastNumber) {
      return std::make_error_code(std::errc::value_too_large);
    }
    const std::uint64_t number = next_number_++;
    auto segment = SpoolSegment::create(files_, directory_.path_of(number), number, origin, error);
    if (segment) {
      size_ += segment->size();
      writable_ = segment.get();
      open_.add(*segment);
      segments_.emplace(number, std::move(segment));
      return {};
    }
    if (error != std::errc::file_exists) break;
  }
  --next_number_;
  return error;
}

std::error_code DiskSpool::make_room(const std::shared_ptr<const Origin>& origin,
                                     std::size_t length, DiskChanges& changes) {
  while (size_ + length > config_.size && (segments_.size() > 1 || writable_ == nullptr)) {
    if (segments_.empty()) break;
    if (const std::error_code error = drop_oldest(changes)) return error;
  }
  if (writable_ != nullptr && writable_->gone().value_or(false)) {
    changes.damaged += writable_->unread();
    forget(std::prev(segments_.end()));
  }
  if (writable_ != nullptr && writable_->origin() == origin && writable_->size() < segment_size_) {
    const std::error_code error = open_.use(*writable_);
    if (error) leave_writable(error);
    return error;
  }
  return create(origin);
}

void DiskSpool::leave_writable(const std::error_code& error) {
  if (concerns_all_files(error)) return;
  open_.close_failed(*std::exchange(writable_, nullptr), error);
  std::error_code not_removed;  // later, by repair()
  remove_if_done(std::prev(segments_.end()), not_removed);
}

std::error_code DiskSpool::append(KeptMessage& message, State state, DiskChanges& changes) {
  const bool continues = writable_ != nullptr;
  std::error_code error = append_once(message, state, changes);
  // The file had failed: another one may do.
  if (error && continues && writable_ == nullptr) error = append_once(message, state, changes);
  return error;
}

std::error_code DiskSpool::append_once(KeptMessage& message, State state, DiskChanges& changes) {
  if (const std::error_code error = make_room(message.origin, message.bytes.size(), changes)) {
    return error;
  }
  const std::uint64_t before = writable_->size();
  std::error_code error;
  const DiskPlace place = writable_->append(message, state, error);
  if (error) {
    leave_writable(error);
    return error;
  }
  size_ += writable_->size() - before;
  message.place = place;
  return {};
}

bool DiskSpool::empty() const {
  return std::all_of(segments_.begin(), segments_.end(), [](const auto& one) {
    return one.second->scanned() && one.second->unread().messages == 0;
  });
}

std::optional<TimePoint> DiskSpool::oldest() const {
  const auto first = std::find_if(segments_.begin(), segments_.end(), [](const auto& one) {
    return one.second->unread().messages > 0;
  });
  if (first == segments_.end()) return std::nullopt;
  return first->second->oldest();
}

std::optional<KeptMessage> DiskSpool::take(DiskChanges& changes, std::error_code& error) {
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    SpoolSegment& one = *segment->second;
    if (one.suspended || (one.scanned() && one.unread().messages == 0)) {
      ++segment;
      continue;
    }
    if (!one.scanned()) return std::nullopt;
    error = open_.use(one);
    if (error == std::errc::no_such_file_or_directory) {
      error.clear();
      changes.damaged += one.unread();
      segment = forget(segment);
      continue;
    }
    std::optional<KeptMessage> message;
    const bool may_be_unrecorded = !unrecorded_ || unrecorded_ == segment->first;
    if (!error) message = one.take(may_be_unrecorded, error);
    if (one.unrecorded() && !unrecorded_) {
      unrecorded_ = segment->first;
      log::warn(
          "spool_unrecorded collector={} file={} impact=\"the disk is full: if ctflowd is killed "
          "before all of this file is sent, all of it is sent again\" fix=\"make room on the disk "
          "of spool.directory\"",
          collector_, log::quoted(one.path()));
    }
    if (message) return message;
    if (error) {
      failed(segment, error);
      return std::nullopt;
    }
    changes.damaged += one.unread();
    set_aside(segment, one.unread());
    std::error_code later;
    segment = remove_if_done(segment, later);
  }
  return std::nullopt;
}

std::error_code DiskSpool::drop_older_than(TimePoint limit, DiskChanges& changes) {
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    SpoolSegment& one = *segment->second;
    if (one.scanned() && one.unread().messages == 0) {
      ++segment;
      continue;
    }
    if (!one.scanned() || one.newest() >= limit) break;
    if (const std::error_code error = one.remove()) return error;
    changes.aged += one.unread();
    segment = forget(segment);
  }
  return {};
}

bool DiskSpool::holds(const DiskPlace& place) const { return segments_.count(place.segment) != 0; }

std::error_code DiskSpool::mark(const DiskPlace& place, State state) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end()) return {};
  SpoolSegment& one = *segment->second;
  const std::error_code not_open = open_.use(one);
  return owed(segment, not_open, one.mark(place.offset, state));
}

std::error_code DiskSpool::give_back(const DiskPlace& place, bool left) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end()) return {};
  SpoolSegment& one = *segment->second;
  const std::error_code not_open = open_.use(one);
  return owed(segment, not_open, one.give_back(place.offset, left));
}

std::error_code DiskSpool::settle(const DiskPlace& place) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end()) return {};
  segment->second->settle(place.offset);
  std::error_code error;
  remove_if_done(segment, error);
  return error;
}

std::error_code DiskSpool::repair() {
  std::error_code first;
  const std::set<std::uint64_t> numbers = std::exchange(troubled_, {});
  for (const std::uint64_t number : numbers) {
    const auto segment = segments_.find(number);
    if (segment == segments_.end()) continue;
    SpoolSegment& one = *segment->second;
    one.suspended = false;
    std::error_code error;
    if (one.owes()) {
      error = open_.use(one);
      if (!error) error = one.repair();
    }
    if (error == std::errc::no_such_file_or_directory) error.clear();  // take() finds that out
    if (error) {
      troubled_.insert(number);
      open_.close_failed(one, error);
    }
    std::error_code not_removed;
    remove_if_done(segment, not_removed);
    if (!first) first = error ? error : not_removed;
  }
  return first;
}

void DiskSpool::owe_unrecorded() {
  if (unrecorded_ && segments_.at(*unrecorded_)->owes()) troubled_.insert(*unrecorded_);
}

ExportAmount DiskSpool::sent_unrecorded() const {
  ExportAmount sum;
  for (const std::uint64_t number : troubled_) {
    const auto segment = segments_.find(number);
    if (segment != segments_.end()) sum += segment->second->sent_unrecorded();
  }
  return sum;
}

ExportAmount DiskSpool::waiting_unrecorded() const {
  ExportAmount sum;
  for (const auto& [number, segment] : segments_) sum += segment->waiting_unrecorded();
  return sum;
}

void DiskSpool::verify(DiskChanges& changes) {
  for (auto segment = segments_.begin(); segment != segments_.end();) {
    if (!segment->second->gone().value_or(false)) {
      ++segment;
      continue;
    }
    if (segment->second->usable()) changes.damaged += segment->second->unread();
    segment = forget(segment);
  }
}

}  // namespace ctflow
