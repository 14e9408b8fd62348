// SPDX-License-Identifier: GPL-2.0-or-later
// Writes lines in a thread of its own: a disk or a pipe may block, the event loop may not.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection_log/line_target.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/encoder.hpp"
#include "process/detached_thread.hpp"

namespace ctflow {

/// What became of one batch of lines.
struct WrittenBatch {
  MessageContent content;
  std::size_t octets = 0;
};

/// Batches wait, bounded in octets, until the thread has written them, in their order. While
/// writing fails they are tried again every second; before there are any the target is begun, so
/// that what fails is known at once. All functions are for the event loop's thread,
/// and wait for none but stop().
class LogWriter {
 public:
  explicit LogWriter(std::unique_ptr<LineTarget> target, std::size_t limit);
  /// Without stop() before, it does the same without patience.
  ~LogWriter();

  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  LogWriter(LogWriter&&) = delete;
  LogWriter& operator=(LogWriter&&) = delete;

  /// Takes whole lines, and leaves an empty buffer in their place. False: no room, `lines` stay.
  bool add(std::string& lines, const MessageContent& content, TimePoint now);

  void reopen();

  struct Report {
    std::vector<WrittenBatch> written{};  ///< since report() before
    TargetNews news{};
    bool failing = false;     ///< the last attempt failed
    std::error_code error{};  ///< … with this; it stays when a later one succeeded
    std::string doing{};
    bool failed = false;  ///< an attempt failed since report() before
    bool begun = false;   ///< there was an attempt
  };
  Report take_report();

  /// Batches that are not written yet.
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::size_t octets() const;
  [[nodiscard]] std::size_t limit() const;
  /// Since when the oldest batch waits.
  [[nodiscard]] std::optional<TimePoint> oldest() const;

  /// The last call but take_report(): tries to write what waits, for so long. What is left after
  /// that is given back, and is not written any more but for what a blocked call has already.
  std::vector<WrittenBatch> stop(std::chrono::milliseconds patience);

 private:
  struct Shared;

  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread, which a blocked write may hold for long
  DetachedThread thread_;
};

}  // namespace ctflow
