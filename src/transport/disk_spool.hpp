// SPDX-License-Identifier: GPL-2.0-or-later
// Messages that wait on disk, in files that are written and removed one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "ctflow/config.hpp"
#include "transport/kept_message.hpp"
#include "transport/spool_segment.hpp"

namespace ctflow {

/// First in, first out. Beyond `spool.size` the oldest file goes. It survives the end of the
/// process at any moment; what the machine had not written yet when its power failed is gone.
class DiskSpool {
 public:
  /// Files are called `COLLECTOR-NUMBER.spool`, so that collectors can share a directory.
  DiskSpool(std::string collector, const SpoolConfig& config);
  ~DiskSpool();

  DiskSpool(const DiskSpool&) = delete;
  DiskSpool& operator=(const DiskSpool&) = delete;
  DiskSpool(DiskSpool&&) = delete;
  DiskSpool& operator=(DiskSpool&&) = delete;

  /// Takes possession of the directory for this collector and reads what an earlier process left
  /// there: `recovered`; `damaged`: records that cannot be read. Busy (EAGAIN) while another
  /// process has it. To be called again after an error.
  std::error_code open(Carried& recovered, std::uint64_t& damaged);
  [[nodiscard]] bool is_open() const { return lock_ >= 0; }

  /// Behind all others. `dropped`: what had to go for it. After an error nothing has changed.
  std::error_code append(KeptMessage& message, Carried& dropped);

  /// Nothing waits; messages that were read and not settled do not count.
  [[nodiscard]] bool empty() const;

  /// Octets of all files.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Since when the oldest message waits, not later; nothing when empty().
  [[nodiscard]] std::optional<TimePoint> oldest() const;

  /// The oldest. `damaged`: what became unreadable since it was written.
  std::optional<KeptMessage> read(Carried& damaged);

  /// Removes files whose messages are all older than that.
  Carried drop_older_than(TimePoint limit);

  /// See SpoolSegment; of a file that is gone nothing happens.
  void mark(const DiskPlace& place, bool handed_over);
  void settle(const DiskPlace& place);

 private:
  using Segments = std::map<std::uint64_t, std::unique_ptr<SpoolSegment>>;

  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  std::error_code lock();
  /// Opens a file for messages of this origin unless the last one is fit for them.
  std::error_code make_room(const std::shared_ptr<const Origin>& origin, std::size_t length,
                            Carried& dropped);
  Segments::iterator drop(Segments::iterator segment);
  void remove_if_done(Segments::iterator segment);

  std::string collector_;
  SpoolConfig config_;
  std::uint64_t segment_size_;
  int lock_ = -1;
  Segments segments_;  ///< the oldest first
  std::uint64_t next_number_ = 0;
  std::uint64_t size_ = 0;            ///< of all files
  SpoolSegment* writable_ = nullptr;  ///< the last one, if made by this process
};

}  // namespace ctflow
