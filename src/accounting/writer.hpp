// SPDX-License-Identifier: GPL-2.0-or-later
// The thread that writes the database and reads the addresses of this host. A disk may block it,
// but never the event loop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "accounting/store.hpp"
#include "accounting/surroundings.hpp"

namespace ctflow::accounting {

/// All functions are for the event loop's thread, and wait for none but stop().
class Writer {
 public:
  /// `read_names`: empty where no devices are named.
  Writer(std::unique_ptr<Store> store, ReadSurroundings read_surroundings,
         ReadDeviceNames read_names = {});
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
  /// One that is written; null: none is.
  std::unique_ptr<Batch> take_written();

  /// Those of now, if they were read again since the last call; else null.
  std::shared_ptr<const Surroundings> take_surroundings();
  /// The same.
  std::shared_ptr<const DeviceNames> take_device_names();

  struct Report {
    std::uint64_t recovered = 0;
    std::uint64_t merged = 0;
    std::uint64_t failures = 0;
    bool failing = false;  ///< the last attempt failed
  };
  [[nodiscard]] Report report() const;
  /// Why it last failed, once; nothing: it has not failed since the last call.
  std::optional<std::string> take_failure();

  /// Writes what it was given, but waits for the disk no longer than this. Returns whether all is
  /// written.
  bool stop(std::chrono::milliseconds patience);

 private:
  struct Shared;

  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread, which a disk may hold for long
};

}  // namespace ctflow::accounting
