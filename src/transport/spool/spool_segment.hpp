// SPDX-License-Identifier: GPL-2.0-or-later
// One file of the disk spool (spool_format.hpp): messages appended one behind the other, read from
// the beginning.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "process/descriptor.hpp"
#include "transport/spool/kept_message.hpp"
#include "transport/spool/spool_files.hpp"
#include "transport/spool/spool_format.hpp"

namespace ctflow {

/// What was found in files of an earlier process.
struct Recovered {
  ExportAmount waiting;
  ExportAmount doubtful;      ///< of these: may have been sent by the process before
  ExportAmount lost;          ///< of these: in a file that cannot be used
  std::uint64_t damaged = 0;  ///< records that cannot be read, a half-written last one included
};

/// Holds a descriptor only between open() and close(): there may be thousands of files. Operations
/// that need it say so. An error of the file system never makes a message damaged or lost.
class SpoolSegment {
 public:
  using State = spool_format::RecordState;

  /// Makes a new file, and leaves it open. Null and `error` when that cannot be; then nothing is
  /// left behind.
  static std::unique_ptr<SpoolSegment> create(SpoolFiles& files, const std::string& path,
                                              std::uint64_t number,
                                              std::shared_ptr<const Origin> origin,
                                              std::error_code& error);
  /// A file of an earlier process, of which nothing is known before scan().
  SpoolSegment(SpoolFiles& files, std::string path, std::uint64_t number, std::uint64_t size);

  ~SpoolSegment() = default;
  SpoolSegment(const SpoolSegment&) = delete;
  SpoolSegment& operator=(const SpoolSegment&) = delete;
  SpoolSegment(SpoolSegment&&) = delete;
  SpoolSegment& operator=(SpoolSegment&&) = delete;

  std::error_code open();
  void close() { file_.reset(); }
  [[nodiscard]] bool is_open() const { return file_.is_open(); }

  /// Counts the messages that still wait, of about `budget` octets, which it lessens. To be called
  /// until scanned(), also after an error. Open.
  std::error_code scan(std::size_t& budget, Recovered& found);
  [[nodiscard]] bool scanned() const { return scanned_; }
  /// False, once scanned: the beginning is damaged, so the messages cannot be decoded.
  [[nodiscard]] bool usable() const { return origin_ != nullptr; }

  /// All of the message or, after an error, nothing of it. kTaken: as if it had been taken. Open.
  DiskPlace append(const KeptMessage& message, State state, std::error_code& error);

  /// The next message that waits, noted as taken. Nothing: the end; if unread() still has some,
  /// they are damaged. After an error nothing has changed. `unrecorded`: also a message that cannot
  /// be noted for want of room on the disk. Open.
  std::optional<KeptMessage> take(bool unrecorded, std::error_code& error);
  /// Some of it was taken without being noted.
  [[nodiscard]] bool unrecorded() const { return unrecorded_; }

  // Of messages that were taken. What cannot be written is owed to the disk. Open, all but
  // settle().
  std::error_code mark(std::uint64_t offset, State state);
  /// It waits again. `left`: it may have left this host.
  std::error_code give_back(std::uint64_t offset, bool left);
  /// It was sent, or lost, and need not be remembered.
  void settle(std::uint64_t offset);
  /// Writes what is owed. Open.
  std::error_code repair();
  [[nodiscard]] bool owes() const;
  /// Sent, but waiting by what the disk has noted.
  [[nodiscard]] ExportAmount sent_unrecorded() const;
  /// Waits again, but the disk says that it was handed over.
  [[nodiscard]] ExportAmount waiting_unrecorded() const;

  [[nodiscard]] bool done() const;
  /// What is unread is never asked for again; its file is kept aside in the end.
  void give_up();
  /// Removes the file, or keeps it aside if it is damaged. No error: it is removed.
  std::error_code remove();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const ExportAmount& unread() const { return unread_; }
  [[nodiscard]] const std::shared_ptr<const Origin>& origin() const { return origin_; }
  [[nodiscard]] TimePoint newest() const { return newest_; }
  /// Since when the next unread message waits, or the one that was taken before it.
  [[nodiscard]] TimePoint oldest() const { return oldest_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The file is not where it was, or not whole. Nothing: cannot be found out.
  [[nodiscard]] std::optional<bool> gone() const;

  bool suspended = false;  ///< the file system failed here; for the owner to note

 private:
  struct Flight {
    State written;  ///< on disk
    State wanted;
    ExportAmount carried;
    bool settled = false;  ///< only to be written; it waits again unless kHandedOver is wanted
  };

  /// A free name: numbers of files begin anew where no file is left, and what was kept aside stays.
  [[nodiscard]] std::string name_aside() const;
  std::error_code scan_header(std::size_t& budget, Recovered& found);
  void scan_records(std::span<const std::byte> rest, Recovered& found);
  void end_scan(bool damaged, Recovered& found);
  [[nodiscard]] bool waits(std::uint64_t offset, State written) const;
  std::error_code write_state(std::uint64_t offset, Flight& flight);
  /// The record at `offset`; moves `offset` behind it if its end is known. Nothing: damaged, or
  /// `error`.
  std::optional<KeptMessage> read_record(std::uint64_t& offset, State& state,
                                         std::error_code& error) const;
  /// How many octets could be read: fewer only at the end of the file or with `error`.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> to, std::error_code& error) const;

  SpoolFiles& files_;
  std::string path_;
  std::uint64_t number_;
  Descriptor file_;
  std::shared_ptr<const Origin> origin_;
  std::uint64_t size_;        ///< up to here everything was written whole
  std::uint64_t cursor_ = 0;  ///< where the next message is read, or scanned
  std::uint64_t first_ = 0;   ///< of the first record
  bool scanned_ = false;
  bool header_read_ = false;
  bool damaged_ = false;
  bool unrecorded_ = false;
  ExportAmount unread_;
  std::map<std::uint64_t, Flight> flights_;  ///< by offset
  TimePoint newest_{};
  TimePoint oldest_{};
};

}  // namespace ctflow
