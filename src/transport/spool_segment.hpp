// SPDX-License-Identifier: GPL-2.0-or-later
// One file of the disk spool: messages appended one behind the other, read from the beginning.
//
// All integers in network order. The file begins with
//   16 octets  "ctflowd spool 1\n"
//    8         run of the origin
//    4         length of the first messages, below
//    4         CRC-32 of everything before and of the first messages
//   then the first messages, each as contents (32 octets), length (4) and the message itself.
// Each record is
//    1 octet   0: waits, 1: was handed to the kernel for the collector
//    4         length of the message
//    4         CRC-32 of all that follows in the record
//    8         since when it waits, milliseconds since 1970
//   32         contents: flows, data records, option records, templates (4 each), packets, octets
//   (8) then the message.
// The octet in front is outside the CRC: overwriting one octet is the only change ever made to
// what was appended, and a crash leaves it either way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "transport/kept_message.hpp"

namespace ctflow {

class SpoolSegment {
 public:
  /// Makes a new file. Null and `error` when that cannot be; nothing is left behind.
  static std::unique_ptr<SpoolSegment> create(const std::string& path, std::uint64_t number,
                                              std::shared_ptr<const Origin> origin,
                                              std::error_code& error);
  /// What a check of a whole file found.
  struct Found {
    std::unique_ptr<SpoolSegment> segment;  ///< null: unreadable from the beginning
    std::uint64_t damaged = 0;  ///< records that cannot be read, a half-written last one included
  };
  /// Opens what an earlier process wrote, and counts the messages in it that still wait.
  static Found recover(const std::string& path, std::uint64_t number);

  ~SpoolSegment();
  SpoolSegment(const SpoolSegment&) = delete;
  SpoolSegment& operator=(const SpoolSegment&) = delete;
  SpoolSegment(SpoolSegment&&) = delete;
  SpoolSegment& operator=(SpoolSegment&&) = delete;

  /// All of the message or, after an error, nothing of it. Returns its place.
  DiskPlace append(const KeptMessage& message, std::error_code& error);

  /// The next message that waits. Nothing: the end, or, if unread() still has some, damage.
  std::optional<KeptMessage> read();

  /// Whether the message at this offset was handed to the kernel.
  void mark(std::uint64_t offset, bool handed_over);

  /// A message that was read need not be remembered any more; once all are, remove the file.
  void settle() { --unsettled_; }
  [[nodiscard]] bool done() const { return unread_.messages == 0 && unsettled_ == 0; }

  void remove();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const Carried& unread() const { return unread_; }
  [[nodiscard]] const std::shared_ptr<const Origin>& origin() const { return origin_; }
  [[nodiscard]] TimePoint newest() const { return newest_; }
  /// Since when the next unread message waits, or the one that was read before it.
  [[nodiscard]] TimePoint oldest() const { return oldest_; }

 private:
  SpoolSegment(std::string path, std::uint64_t number, int file) noexcept;

  [[nodiscard]] bool read_header();
  /// Enters what waits in unread_; the number of damaged records.
  std::uint64_t scan();
  /// The record at `offset`, whether it waits or not; moves `offset` behind it. Nothing: damaged,
  /// and then `offset` is behind it too if its end is known.
  std::optional<KeptMessage> read_record(std::uint64_t& offset, bool& waits) const;
  [[nodiscard]] bool read_at(std::uint64_t offset, std::span<std::byte> to) const;

  std::string path_;
  std::uint64_t number_;
  int file_;
  std::shared_ptr<const Origin> origin_;
  std::uint64_t size_ = 0;    ///< up to here everything was written whole
  std::uint64_t cursor_ = 0;  ///< where the next message is read
  Carried unread_;
  std::uint64_t unsettled_ = 0;
  TimePoint newest_{};
  TimePoint oldest_{};
};

}  // namespace ctflow
