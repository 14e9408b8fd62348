// SPDX-License-Identifier: GPL-2.0-or-later
// The thread that writes the database, reads the addresses of this host, and looks for what
// forwards packets uncounted. A disk may block it, but never the event loop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "accounting/store.hpp"
#include "accounting/surroundings.hpp"
#include "process/detached_thread.hpp"

namespace ctflow::accounting {

/// All functions are for the event loop's thread, and wait for none but stop().
class Writer {
 public:
  /// `read_names`: empty where no devices are named. `read_uncounted`: empty where it is not asked
  /// for.
  Writer(std::unique_ptr<Store> store, ReadSurroundings read_surroundings,
         ReadDeviceNames read_names = {}, ReadUncounted read_uncounted = {});
  /// Without stop() before, it does the same without patience.
  ~Writer();

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;

  void start();

  /// It has no job, and the batch of the last one was taken back.
  [[nodiscard]] bool idle() const;
  /// To be called while idle(), or before stop(). It is tried until it succeeds.
  void give(Job job);
  struct Written {
    std::unique_ptr<Batch> batch{};
    std::shared_ptr<const QuotasWritten> quotas{};  ///< with it, as Store says
  };
  /// One that is written; without a batch: none is.
  Written take_written();

  /// Those of now, if they were read again since the last call; else null.
  std::shared_ptr<const Surroundings> take_surroundings();
  /// The same.
  std::shared_ptr<const DeviceNames> take_device_names();
  /// What forwards packets uncounted, if that was read again since the last call.
  std::optional<Causes> take_uncounted();
  /// What is measured now.
  void set_measured(const Capabilities& measured);

  struct Report {
    std::uint64_t recovered = 0;
    std::uint64_t merged = 0;
    std::uint64_t failures = 0;
    bool failing = false;  ///< the last attempt failed
  };
  [[nodiscard]] Report report() const;
  /// Why it last failed, once; nothing: it has not failed since the last call.
  std::optional<WriteFailure> take_failure();

  /// Writes what it was given, but waits for the disk no longer than this. Returns whether all is
  /// written.
  bool stop(std::chrono::milliseconds patience);

 private:
  struct Shared;

  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread, which a disk may hold for long
  DetachedThread thread_;
};

}  // namespace ctflow::accounting
