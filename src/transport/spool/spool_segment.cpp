// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_segment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ledger/export_amount.hpp"
#include "process/disk_errors.hpp"

namespace ctflow {
namespace {

using namespace spool_format;

constexpr mode_t kOwnerAndGroup = 0640;

/// All of `bytes`, or an error.
std::error_code write_at(SpoolFiles& files, int file, std::uint64_t offset,
                         std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = files.write(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return std::make_error_code(std::errc::no_space_on_device);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace

SpoolSegment::SpoolSegment(SpoolFiles& files, std::string path, std::uint64_t number,
                           std::uint64_t size)
    : files_(files), path_(std::move(path)), number_(number), size_(size) {}

std::unique_ptr<SpoolSegment> SpoolSegment::create(SpoolFiles& files, const std::string& path,
                                                   std::uint64_t number,
                                                   std::shared_ptr<const Origin> origin,
                                                   std::error_code& error) {
  Descriptor file(files.open(path, O_RDWR | O_CREAT | O_EXCL, kOwnerAndGroup));
  if (!file.is_open()) {
    error = last_error();
    return nullptr;
  }
  const std::vector<std::byte> header = header_of(*origin);
  auto segment = std::make_unique<SpoolSegment>(files, path, number, header.size());
  segment->file_ = std::move(file);
  segment->origin_ = std::move(origin);
  segment->cursor_ = header.size();
  segment->scanned_ = segment->header_read_ = true;
  error = write_at(files, segment->file_.number(), 0, header);
  if (!error) return segment;
  static_cast<void>(segment->remove());
  return nullptr;
}

std::error_code SpoolSegment::open() {
  if (is_open()) return {};
  file_.reset(files_.open(path_, O_RDWR, 0));
  if (!file_.is_open()) return last_error();
  struct stat found {};
  if (files_.status(file_.number(), found) != 0) return last_error();
  // A directory, say, will never be readable: as an error of the file system.
  return S_ISREG(found.st_mode) ? std::error_code{} : std::make_error_code(std::errc::io_error);
}

void SpoolSegment::end_scan(bool damaged, Recovered& found) {
  if (damaged) ++found.damaged;
  size_ = cursor_;  // where another record would begin is unknown
  cursor_ = first_;
  scanned_ = true;
}

std::error_code SpoolSegment::scan_header(std::size_t& budget, Recovered& found) {
  std::error_code error;
  std::vector<std::byte> bytes(kHeaderLength);
  std::size_t got = read_at(0, bytes, error);
  if (error) return error;
  const auto length = got == bytes.size() ? preamble_length(bytes) : std::nullopt;
  if (length) {
    bytes.resize(kHeaderLength + *length);
    got = read_at(0, bytes, error);
    if (error) return error;
  }
  header_read_ = true;
  budget -= std::min(budget, bytes.size());
  cursor_ = first_ = bytes.size();
  if (length && got == bytes.size()) origin_ = read_origin(std::move(bytes));
  if (origin_) return {};
  damaged_ = true;
  ++found.damaged;
  // Without its length what follows cannot even be counted.
  if (!length || got < cursor_) end_scan(false, found);
  return {};
}

std::error_code SpoolSegment::scan(std::size_t& budget, Recovered& found) {
  if (!header_read_) {
    if (const std::error_code error = scan_header(budget, found)) return error;
  }
  size_ = std::min(size_, kLongestFile);
  const ExportAmount before = unread_;
  std::error_code error;
  while (!scanned_ && budget > 0 && !error) {
    constexpr std::size_t kAtLeast = 2 * (kRecordHeader + kLongestMessage);
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(budget, kAtLeast), size_ - cursor_));
    std::vector<std::byte> chunk(wanted);
    const std::size_t got = read_at(cursor_, chunk, error);
    if (error) break;
    if (got < wanted) size_ = cursor_ + got;
    budget -= std::min(budget, got);
    scan_records(std::span(chunk).first(got), found);
  }
  ExportAmount more = unread_;
  more -= before;
  found.waiting += more;
  if (!usable()) found.lost += more;
  return error;
}

void SpoolSegment::scan_records(std::span<const std::byte> rest, Recovered& found) {
  while (rest.size() >= kRecordHeader) {
    const std::optional<std::size_t> length = record_length(rest);
    if (!length || *length > size_ - cursor_) {
      end_scan(true, found);
      return;
    }
    if (*length > rest.size()) return;  // the next chunk begins with it
    const auto record = rest.first(*length);
    const std::optional<KeptMessage> message = spool_format::read_record(record);
    if (!message) ++found.damaged;
    if (message) newest_ = std::max(newest_, message->kept);
    const State state = state_of(record);
    if (message && state != State::kHandedOver) {
      if (unread_.messages == 0) oldest_ = message->kept;
      unread_ += amount_of(message->content);
    }
    if (message && state == State::kTaken) found.doubtful += amount_of(message->content);
    cursor_ += *length;
    rest = rest.subspan(*length);
  }
  if (cursor_ + rest.size() < size_) return;
  end_scan(!rest.empty(), found);
}

std::size_t SpoolSegment::read_at(std::uint64_t offset, std::span<std::byte> to,
                                  std::error_code& error) const {
  std::size_t got = 0;
  while (got < to.size()) {
    const ssize_t count = files_.read(file_.number(), to.data() + got, to.size() - got,
                                      static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = last_error();
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
}

std::optional<KeptMessage> SpoolSegment::read_record(std::uint64_t& offset, State& state,
                                                     std::error_code& error) const {
  std::array<std::byte, kRecordHeader> header{};
  if (size_ - offset < header.size()) return std::nullopt;
  if (read_at(offset, header, error) < header.size()) return std::nullopt;
  const std::optional<std::size_t> length = record_length(header);
  if (!length || *length > size_ - offset) return std::nullopt;
  std::vector<std::byte> bytes(*length);
  if (read_at(offset, bytes, error) < bytes.size()) return std::nullopt;
  std::optional<KeptMessage> message = spool_format::read_record(bytes);
  state = state_of(bytes);
  if (message) {
    message->origin = origin_;
    message->place = DiskPlace{number_, offset};
  }
  offset += bytes.size();
  return message;
}

DiskPlace SpoolSegment::append(const KeptMessage& message, State state, std::error_code& error) {
  const std::vector<std::byte> record = record_of(message, state);
  error = write_at(files_, file_.number(), size_, record);
  if (error) {
    // A failure is harmless: the next record is written over the rest, or the CRC shows it.
    static_cast<void>(files_.truncate(file_.number(), static_cast<off_t>(size_)) == 0);
    return {};
  }
  const DiskPlace place{number_, size_};
  size_ += record.size();
  newest_ = std::max(newest_, message.kept);
  if (state == State::kTaken) {
    flights_.emplace(place.offset, Flight{state, state, amount_of(message.content)});
  } else {
    if (unread_.messages == 0) oldest_ = message.kept;
    unread_ += amount_of(message.content);
  }
  return place;
}

bool SpoolSegment::waits(std::uint64_t offset, State written) const {
  const auto flight = flights_.find(offset);
  if (flight == flights_.end()) return written != State::kHandedOver;
  return flight->second.settled && flight->second.wanted != State::kHandedOver;
}

std::optional<KeptMessage> SpoolSegment::take(bool unrecorded, std::error_code& error) {
  while (cursor_ < size_) {
    std::uint64_t offset = cursor_;
    State state{};
    std::optional<KeptMessage> message = read_record(offset, state, error);
    if (error) return std::nullopt;
    if (!message || !waits(cursor_, state)) {
      cursor_ = offset == cursor_ ? size_ : offset;
      continue;
    }
    Flight flight{state, State::kTaken, amount_of(message->content)};
    // Written in any case: a disk to which this cannot be written will not take more later.
    flight.written = State::kWaits;
    error = write_state(cursor_, flight);
    if (error && unrecorded && lacks_room(error)) {
      flight.written = state;
      unrecorded_ = true;
      error.clear();
    }
    if (error) return std::nullopt;
    unread_ -= flight.carried;
    oldest_ = message->kept;
    flights_.insert_or_assign(cursor_, flight);
    cursor_ = offset;
    return message;
  }
  return std::nullopt;
}

std::error_code SpoolSegment::write_state(std::uint64_t offset, Flight& flight) {
  if (flight.written == flight.wanted) return {};
  const std::byte state{static_cast<std::uint8_t>(flight.wanted)};
  const std::error_code error = write_at(files_, file_.number(), offset, std::span(&state, 1));
  if (!error) flight.written = flight.wanted;
  return error;
}

std::error_code SpoolSegment::mark(std::uint64_t offset, State state) {
  const auto flight = flights_.find(offset);
  if (flight == flights_.end()) return {};
  flight->second.wanted = state;
  return write_state(offset, flight->second);
}

std::error_code SpoolSegment::give_back(std::uint64_t offset, bool left) {
  const auto found = flights_.find(offset);
  if (found == flights_.end()) return {};
  Flight& flight = found->second;
  flight.wanted = left ? State::kTaken : State::kWaits;
  const std::error_code error = write_state(offset, flight);
  unread_ += flight.carried;
  cursor_ = std::min(cursor_, offset);
  settle(offset);
  return error;
}

void SpoolSegment::settle(std::uint64_t offset) {
  const auto flight = flights_.find(offset);
  if (flight == flights_.end()) return;
  flight->second.settled = true;
  if (flight->second.written == flight->second.wanted) flights_.erase(flight);
}

std::error_code SpoolSegment::repair() {
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    if (const std::error_code error = write_state(flight->first, flight->second)) return error;
    flight = flight->second.settled ? flights_.erase(flight) : std::next(flight);
  }
  return {};
}

bool SpoolSegment::owes() const {
  return std::any_of(flights_.begin(), flights_.end(),
                     [](const auto& one) { return one.second.written != one.second.wanted; });
}

ExportAmount SpoolSegment::sent_unrecorded() const {
  ExportAmount sum;
  for (const auto& [offset, flight] : flights_) {
    const bool sent = flight.settled && flight.wanted == State::kHandedOver;
    if (sent && flight.written != State::kHandedOver) sum += flight.carried;
  }
  return sum;
}

ExportAmount SpoolSegment::waiting_unrecorded() const {
  ExportAmount sum;
  for (const auto& [offset, flight] : flights_) {
    const bool waits = flight.settled && flight.wanted != State::kHandedOver;
    if (waits && flight.written == State::kHandedOver) sum += flight.carried;
  }
  return sum;
}

bool SpoolSegment::done() const {
  return scanned_ && unread_.messages == 0 &&
         std::all_of(flights_.begin(), flights_.end(),
                     [](const auto& one) { return one.second.settled; });
}

void SpoolSegment::give_up() {
  unread_ = {};
  cursor_ = size_;
  damaged_ = true;
}

std::string SpoolSegment::name_aside() const {
  const std::string stem = path_.substr(0, path_.rfind('.'));
  std::string name = stem + ".damaged";
  constexpr int kMost = 1000;  // then the last one is replaced
  struct stat found {};
  for (int i = 1; i < kMost && files_.status(name, found) == 0; ++i) {
    name = stem + "-" + std::to_string(i) + ".damaged";
  }
  return name;
}

std::error_code SpoolSegment::remove() {
  const int result = damaged_ ? files_.rename(path_, name_aside()) : files_.remove(path_);
  if (result == 0 || errno == ENOENT) return {};
  return last_error();
}

std::optional<bool> SpoolSegment::gone() const {
  struct stat found {};
  if (files_.status(path_, found) == 0) {
    return !S_ISREG(found.st_mode) || static_cast<std::uint64_t>(found.st_size) < size_;
  }
  if (errno == ENOENT) return true;
  return std::nullopt;
}

}  // namespace ctflow
