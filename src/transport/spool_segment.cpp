// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool_segment.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "encode/wire.hpp"
#include "transport/carried.hpp"
#include "transport/octets.hpp"

namespace ctflow {
namespace {

using octets::load;
using std::chrono::milliseconds;

constexpr std::string_view kMagic = "ctflowd spool 1\n";
constexpr std::size_t kContentLength = 32;
constexpr std::size_t kHeaderLength = 32;
constexpr std::size_t kRecordHeader = 1 + 4 + 4 + 8 + kContentLength;
constexpr std::size_t kCovered = 9;              // offset in a record of what the CRC is of
constexpr std::size_t kLongestMessage = 65'535;  // by the header's length, RFC 7011 section 3.1
constexpr std::size_t kLongestPreamble = std::size_t{1} << 20;

std::uint32_t crc(std::span<const std::byte> bytes) {
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

void put_content(FieldWriter& writer, const MessageContent& content) {
  writer.u32(content.flows);
  writer.u32(content.data_records);
  writer.u32(content.option_records);
  writer.u32(content.templates);
  writer.u64(content.packets);
  writer.u64(content.octets);
}

MessageContent get_content(std::span<const std::byte> from) {
  MessageContent content;
  content.flows = load<std::uint32_t>(from, 0);
  content.data_records = load<std::uint32_t>(from, 4);
  content.option_records = load<std::uint32_t>(from, 8);
  content.templates = load<std::uint32_t>(from, 12);
  content.packets = load<std::uint64_t>(from, 16);
  content.octets = load<std::uint64_t>(from, 24);
  return content;
}

std::vector<std::byte> header_of(const Origin& origin) {
  std::size_t length = kHeaderLength;
  for (const CountedMessage& message : origin.first_messages) {
    length += kContentLength + 4 + message.bytes.size();
  }
  std::vector<std::byte> bytes(length);
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  wire::store(bytes.data() + 16, origin.run);
  wire::store(bytes.data() + 24, static_cast<std::uint32_t>(length - kHeaderLength));
  std::size_t at = kHeaderLength;
  for (const CountedMessage& message : origin.first_messages) {
    FieldWriter writer(bytes.data() + at);
    put_content(writer, message.content);
    writer.u32(static_cast<std::uint32_t>(message.bytes.size()));
    at += kContentLength + 4;
    std::memcpy(bytes.data() + at, message.bytes.data(), message.bytes.size());
    at += message.bytes.size();
  }
  wire::store(bytes.data() + 28, crc(bytes));  // where zeros stood
  return bytes;
}

std::vector<std::byte> record_of(const KeptMessage& message) {
  std::vector<std::byte> bytes(kRecordHeader + message.bytes.size());
  FieldWriter writer(bytes.data() + kCovered);
  const auto kept = std::chrono::duration_cast<milliseconds>(message.kept.time_since_epoch());
  writer.u64(static_cast<std::uint64_t>(kept.count()));
  put_content(writer, message.content);
  std::memcpy(bytes.data() + kRecordHeader, message.bytes.data(), message.bytes.size());
  wire::store(bytes.data() + 1, static_cast<std::uint32_t>(message.bytes.size()));
  wire::store(bytes.data() + 5, crc(std::span(bytes).subspan(kCovered)));
  return bytes;
}

std::error_code last_error() { return {errno, std::generic_category()}; }

/// All of `bytes`, or an error.
std::error_code write_at(int file, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return std::make_error_code(std::errc::no_space_on_device);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace

SpoolSegment::SpoolSegment(std::string path, std::uint64_t number, int file) noexcept
    : path_(std::move(path)), number_(number), file_(file) {}

SpoolSegment::~SpoolSegment() { close(file_); }

std::unique_ptr<SpoolSegment> SpoolSegment::create(const std::string& path, std::uint64_t number,
                                                   std::shared_ptr<const Origin> origin,
                                                   std::error_code& error) {
  constexpr mode_t kOwnerAndGroup = 0640;
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerAndGroup);
  if (file < 0) {
    error = last_error();
    return nullptr;
  }
  std::unique_ptr<SpoolSegment> segment(new SpoolSegment(path, number, file));
  const std::vector<std::byte> header = header_of(*origin);
  segment->origin_ = std::move(origin);
  error = write_at(file, 0, header);
  if (error) {
    segment->remove();
    return nullptr;
  }
  segment->size_ = segment->cursor_ = header.size();
  return segment;
}

SpoolSegment::Found SpoolSegment::recover(const std::string& path, std::uint64_t number) {
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return {nullptr, 1};
  std::unique_ptr<SpoolSegment> segment(new SpoolSegment(path, number, file));
  struct stat status {};
  if (fstat(file, &status) != 0) return {nullptr, 1};
  segment->size_ = static_cast<std::uint64_t>(status.st_size);
  if (!segment->read_header()) return {nullptr, 1};
  const std::uint64_t damaged = segment->scan();
  return {std::move(segment), damaged};
}

bool SpoolSegment::read_header() {
  std::vector<std::byte> bytes(kHeaderLength);
  if (!read_at(0, bytes)) return false;
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return false;
  const auto sum = load<std::uint32_t>(bytes, 28);
  const std::size_t length = load<std::uint32_t>(bytes, 24);
  if (length > kLongestPreamble) return false;
  bytes.resize(kHeaderLength + length);
  if (!read_at(kHeaderLength, std::span(bytes).subspan(kHeaderLength))) return false;
  wire::store(bytes.data() + 28, std::uint32_t{0});
  if (crc(bytes) != sum) return false;
  Origin origin;
  origin.run = load<std::uint64_t>(bytes, 16);
  std::span<const std::byte> rest = std::span(bytes).subspan(kHeaderLength);
  while (!rest.empty()) {
    if (rest.size() < kContentLength + 4) return false;
    const std::size_t message = load<std::uint32_t>(rest, kContentLength);
    const std::span<const std::byte> behind = rest.subspan(kContentLength + 4);
    if (message > behind.size() || !is_ipfix_message(behind.first(message))) return false;
    const auto first = behind.first(message);
    origin.first_messages.push_back({{first.begin(), first.end()}, get_content(rest)});
    rest = behind.subspan(message);
  }
  origin_ = std::make_shared<const Origin>(std::move(origin));
  cursor_ = bytes.size();
  return true;
}

std::uint64_t SpoolSegment::scan() {
  std::uint64_t damaged = 0;
  std::uint64_t offset = cursor_;
  while (offset < size_) {
    const std::uint64_t begin = offset;
    bool waits = false;
    const std::optional<KeptMessage> message = read_record(offset, waits);
    if (!message) ++damaged;
    if (message && waits && unread_.messages == 0) oldest_ = message->kept;
    if (message && waits) unread_ += carried_by(message->content);
    if (message) newest_ = std::max(newest_, message->kept);
    if (offset == begin) size_ = begin;  // nobody knows where the next record begins
  }
  return damaged;
}

bool SpoolSegment::read_at(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t count = pread(file_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

std::optional<KeptMessage> SpoolSegment::read_record(std::uint64_t& offset, bool& waits) const {
  std::array<std::byte, kRecordHeader> header{};
  if (size_ - offset < kRecordHeader || !read_at(offset, header)) return std::nullopt;
  const std::size_t length = load<std::uint32_t>(header, 1);
  if (length > kLongestMessage || length > size_ - offset - kRecordHeader) return std::nullopt;
  std::vector<std::byte> bytes(kRecordHeader + length);
  if (!read_at(offset, bytes)) return std::nullopt;
  const std::uint64_t begin = offset;
  offset += bytes.size();
  waits = bytes[0] == std::byte{0};
  const std::span<const std::byte> record(bytes);
  if (crc(record.subspan(kCovered)) != load<std::uint32_t>(record, 5)) return std::nullopt;
  if (!is_ipfix_message(record.subspan(kRecordHeader))) return std::nullopt;
  KeptMessage message;
  message.kept = TimePoint(
      milliseconds(static_cast<milliseconds::rep>(load<std::uint64_t>(record, kCovered))));
  message.content = get_content(record.subspan(kCovered + 8));
  message.origin = origin_;
  message.place = DiskPlace{number_, begin};
  bytes.erase(bytes.begin(), bytes.begin() + kRecordHeader);
  message.bytes = std::move(bytes);
  return message;
}

DiskPlace SpoolSegment::append(const KeptMessage& message, std::error_code& error) {
  const std::vector<std::byte> record = record_of(message);
  error = write_at(file_, size_, record);
  if (error) {
    // What fails too is harmless: the next record is written over the rest, or the CRC tells.
    static_cast<void>(ftruncate(file_, static_cast<off_t>(size_)) == 0);
    return {};
  }
  const DiskPlace place{number_, size_};
  size_ += record.size();
  if (unread_.messages == 0) oldest_ = message.kept;
  unread_ += carried_by(message.content);
  newest_ = std::max(newest_, message.kept);
  return place;
}

std::optional<KeptMessage> SpoolSegment::read() {
  while (cursor_ < size_) {
    const std::uint64_t begin = cursor_;
    bool waits = false;
    std::optional<KeptMessage> message = read_record(cursor_, waits);
    if (message && waits) {
      unread_ -= carried_by(message->content);
      oldest_ = message->kept;
      ++unsettled_;
      return message;
    }
    if (cursor_ == begin) cursor_ = size_;
  }
  return std::nullopt;
}

void SpoolSegment::mark(std::uint64_t offset, bool handed_over) {
  const std::byte state{handed_over ? std::uint8_t{1} : std::uint8_t{0}};
  // What fails costs a repetition after a crash, no more.
  static_cast<void>(write_at(file_, offset, std::span(&state, 1)));
}

void SpoolSegment::remove() { static_cast<void>(unlink(path_.c_str()) == 0); }

}  // namespace ctflow
