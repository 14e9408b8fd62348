// SPDX-License-Identifier: GPL-2.0-or-later
// Messages that wait on disk, in files that are written and removed one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>

#include "ctflow/config.hpp"
#include "transport/spool/kept_message.hpp"
#include "transport/spool/open_segments.hpp"
#include "transport/spool/owned_files.hpp"
#include "transport/spool/spool_directory.hpp"
#include "transport/spool/spool_files.hpp"
#include "transport/spool/spool_segment.hpp"

namespace ctflow {

/// What became of messages on disk, for the ledger.
struct DiskChanges {
  Recovered recovered;
  ExportAmount dropped;  ///< the oldest, to make room
  ExportAmount aged;     ///< too old
  ExportAmount damaged;  ///< became unreadable, or their file is gone
};

/// First in, first out. Beyond `spool.size` the oldest file goes. It survives the end of the
/// process at any moment; what the machine had not written yet when its power failed is lost.
///
/// Errors of the file system cost time, never messages: a file that cannot be read now is read
/// later, and one that cannot be removed is not counted as dropped. No message is handed out before
/// the disk has noted it, so that a later process does not send it a second time unnoticed.
class DiskSpool {
 public:
  using State = SpoolSegment::State;

  DiskSpool(std::string collector, const SpoolConfig& config, SpoolFiles& files);
  ~DiskSpool() = default;

  DiskSpool(const DiskSpool&) = delete;
  DiskSpool& operator=(const DiskSpool&) = delete;
  DiskSpool(DiskSpool&&) = delete;
  DiskSpool& operator=(DiskSpool&&) = delete;

  /// Takes possession of the directory for this collector, and finds what an earlier process left
  /// there. Busy (EAGAIN) while another process has it. To be called again after an error.
  std::error_code open();
  [[nodiscard]] bool is_open() const { return directory_.locked(); }
  /// The last call: another may take possession of the directory.
  void close() { directory_.unlock(); }
  /// While open: see SpoolDirectory::keep_lock().
  std::error_code keep_lock() { return directory_.keep_lock(); }

  /// Reads about `budget` octets of what an earlier process left, the oldest first. Until it is
  /// read it is in no count and cannot be taken.
  std::error_code recover(std::size_t budget, DiskChanges& changes);
  [[nodiscard]] bool recovering() const;

  /// Behind all others. kTaken: as if it had been taken already. After an error the message is not
  /// there.
  std::error_code append(KeptMessage& message, State state, DiskChanges& changes);

  /// Nothing waits, nor may wait in files that were not read yet; what was taken does not count.
  [[nodiscard]] bool empty() const;

  /// Octets of all files.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Since when the oldest message waits, not later; nothing when nothing is known to wait.
  [[nodiscard]] std::optional<TimePoint> oldest() const;

  /// The oldest. Nothing: there is none, it is not recovered yet, or `error`.
  std::optional<KeptMessage> take(DiskChanges& changes, std::error_code& error);

  /// Removes files whose messages are all older than that.
  std::error_code drop_older_than(TimePoint limit, DiskChanges& changes);

  // Of messages that were taken; without effect if the file was removed. After an error the disk is
  // owed the change, see repair().
  std::error_code mark(const DiskPlace& place, State state);
  std::error_code give_back(const DiskPlace& place, bool left);
  std::error_code settle(const DiskPlace& place);
  [[nodiscard]] bool holds(const DiskPlace& place) const;

  /// Tries again what failed.
  std::error_code repair();
  /// At the end: what was sent of a file that a full disk let go unmarked is owed to it, too.
  void owe_unrecorded();
  /// Something failed that repair() has to try again.
  [[nodiscard]] bool troubled() const { return !troubled_.empty(); }
  /// Sent, but waiting by what the disk has noted: a later process would send it again.
  [[nodiscard]] ExportAmount sent_unrecorded() const;
  /// Waits, but the disk says that it was handed over: a later process would not send it.
  [[nodiscard]] ExportAmount waiting_unrecorded() const;
  /// Whether files can be made in the directory now.
  [[nodiscard]] std::error_code probe() const { return directory_.probe(); }

  /// Looks whether all files are still there.
  void verify(DiskChanges& changes);

 private:
  using Segments = std::map<std::uint64_t, std::unique_ptr<SpoolSegment>>;

  std::error_code failed(Segments::iterator segment, const std::error_code& error);
  std::error_code owed(Segments::iterator segment, const std::error_code& not_open,
                       const std::error_code& error);
  std::error_code drop_oldest(DiskChanges& changes);
  /// Opens a file for messages of this origin unless the last one is fit for them.
  std::error_code make_room(const std::shared_ptr<const Origin>& origin, std::size_t length,
                            DiskChanges& changes);
  std::error_code append_once(KeptMessage& message, State state, DiskChanges& changes);
  /// Nothing more is written to the last file, unless another one would fail likewise.
  void leave_writable(const std::error_code& error);
  std::error_code create(const std::shared_ptr<const Origin>& origin);
  Segments::iterator forget(Segments::iterator segment);
  /// Behind it, or behind where it was.
  Segments::iterator remove_if_done(Segments::iterator segment, std::error_code& error);
  void set_aside(Segments::iterator segment, const ExportAmount& lost);

  std::string collector_;
  SpoolConfig config_;
  SpoolDirectory directory_;
  OwnedFiles files_;
  std::uint64_t segment_size_;
  Segments segments_;  ///< the oldest first
  std::set<std::uint64_t> unscanned_;
  std::set<std::uint64_t> troubled_;  ///< suspended, owing, or not removed
  std::optional<std::uint64_t> unrecorded_;
  OpenSegments open_;
  std::uint64_t next_number_ = 0;
  std::uint64_t size_ = 0;            ///< of all files
  SpoolSegment* writable_ = nullptr;  ///< the last one, if made by this process
};

}  // namespace ctflow
