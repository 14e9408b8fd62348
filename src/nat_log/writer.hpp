// SPDX-License-Identifier: GPL-2.0-or-later
// The thread that writes the log. A disk may block it, but never the event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ctflow/status.hpp"
#include "nat_log/nat_event.hpp"
#include "nat_log/store.hpp"
#include "process/detached_thread.hpp"

namespace ctflow::nat {

/// All functions are for the event loop's thread, and wait for none but stop().
class Writer {
 public:
  /// `queue`: events that can wait. `commit_interval`: how often a transaction is committed.
  Writer(std::unique_ptr<Store> store, std::size_t queue,
         std::chrono::milliseconds commit_interval);
  /// Without stop() before, it does the same without patience.
  ~Writer();

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;

  /// Begins: the kernel's events arrive from now on.
  void start(Moment listening_since);
  [[nodiscard]] bool started() const { return started_; }

  /// How many events can be added.
  [[nodiscard]] std::size_t room() const;
  void add(const NatEvent& event);

  struct Report {
    std::uint64_t written = 0;  ///< events that complete those of their connection, in all
    std::uint64_t open = 0;
    std::uint64_t holes = 0;
    std::uint64_t followed_map = 0;
    bool failing = false;                      ///< the last attempt failed
    FailureKind failure = FailureKind::kNone;  ///< of that attempt
  };
  [[nodiscard]] Report report() const;
  /// The static maps as of the last write, without how many followed them.
  [[nodiscard]] NatMapsStatus maps() const;
  /// Why it last failed, once; nothing: it has not failed since the last call.
  std::optional<WriteFailure> take_failure();

  /// Writes what waits, but waits for the disk no longer than this.
  void stop(std::chrono::milliseconds patience);

 private:
  struct Shared;

  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  ///< with the thread, which a disk may hold for long
  DetachedThread thread_;
  bool started_ = false;
};

}  // namespace ctflow::nat
