// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the records of the eBPF programs in batches, and hands each to its namespace.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "event_loop/readiness.hpp"
#include "event_loop/timer.hpp"
#include "extras/from_bpf/measuring.hpp"
#include "log/log.hpp"

namespace ctflow {

/// Records wait in a ring that holds about as many of them as source.receive_buffer holds events: a
/// quarter of its octets, rounded up to a power of two.
MeasuringSizes sizes_for(std::size_t receive_buffer);

/// Takes the records of one namespace.
class RecordConsumer {
 public:
  virtual ~RecordConsumer() = default;
  /// `time`: when it was read.
  virtual void on_record(const ctflow_record& record, const Instant& time) = 0;
  /// Nothing more is waiting just now.
  virtual void on_batch_end() = 0;
};

/// One for each event loop. It waits as the listener of netlink events does: for the first record,
/// then for the configured delay, so that a batch is read at once.
class RecordRing {
 public:
  /// Nothing is loaded yet. `programs`: null, this build has none.
  RecordRing(boost::asio::io_context& io, std::unique_ptr<MeasuringPrograms> programs,
             std::chrono::milliseconds batch_delay, Clock clock = system_now);

  /// A namespace that is watched for one consumer; several may watch the same one.
  struct Watching {
    int id = 0;              ///< for the calls below
    std::string obstacle{};  ///< not empty: it is not watched, and why
  };

  /// Loads the programs, unless they are, and watches a namespace. What comes before start() is
  /// kept, up to kEarly records.
  Watching watch(std::uint64_t netns, const Watch& what);

  /// Changes what is sent. Empty: done; else why not.
  std::string change(int id, const Watch& what);

  /// From now on, what was kept first, records of this namespace go to `consumer`, which must stay
  /// valid until unwatch() returns.
  void start(int id, RecordConsumer& consumer);

  /// No more records come of it. Those that the programs had sent before go to the consumer.
  void unwatch(int id);

  /// Reads what is waiting, up to a bound. True: all that the programs had sent was read.
  bool catch_up();

  /// Lets the programs report every measured connection of the namespace, and reads that. False:
  /// not all, as they come faster than they can be read.
  bool report_all(int id);

  /// What the programs could not do for this namespace, and what was not kept before start(). With
  /// the ends and beginnings that the kernel skipped since the watch began, of whichever namespace.
  [[nodiscard]] RecordLosses losses(int id) const;

  /// Packets that were not measured since the watch began, of whichever namespace, as of the last
  /// sweep.
  [[nodiscard]] std::uint64_t unmeasured_packets(int id) const;

  /// Packets of flowtables are measured.
  [[nodiscard]] bool sees_flowtables() const { return readable_ && programs_->sees_flowtables(); }

  static constexpr std::size_t kEarly = 8192;  ///< 3.5 MiB

 private:
  struct Watched {
    int id = 0;
    std::uint64_t netns = 0;
    Watch watch;
    RecordConsumer* consumer = nullptr;  ///< null: before start()
    std::vector<ctflow_record> early{};
    RecordLosses not_kept{};  ///< before start(), or never sent
    std::uint64_t unmeasured_packets = 0;
  };

  std::string load();
  [[nodiscard]] Watched* find(int id);
  /// All that consumers of the namespace want. Nothing: there is none.
  [[nodiscard]] std::optional<Watch> wanted(std::uint64_t netns) const;
  void wait();
  void drain();
  /// One batch. False: nothing more was waiting.
  bool read_batch();
  void take(const ctflow_record& record);
  void hand_on(Watched& to, const ctflow_record& record);
  void end_batch();
  void schedule_sweep();
  void sweep();
  void look_at_sweep();
  void count_missed_runs();

  static constexpr std::size_t kBatch = 64;
  static constexpr int kBatchesPerTurn = 64;
  static constexpr int kTurnsToCatchUp = 16;

  std::unique_ptr<MeasuringPrograms> programs_;
  std::future<bool> sweeping_;  ///< valid while a sweep runs
  std::chrono::milliseconds next_look_{};
  boost::asio::io_context& io_;
  std::chrono::milliseconds batch_delay_;
  Clock clock_;
  MeasuringPrograms::Take take_;
  std::optional<Readiness> readable_;  ///< of the ring; nothing: not loaded
  Timer timer_;
  Timer sweep_timer_;
  std::vector<Watched> watched_;
  int last_id_ = 0;
  Instant time_{};     ///< of the batch that is read
  MissedRuns missed_;  ///< as of the last count_missed_runs()
  log::RateLimit missed_log_;
};

}  // namespace ctflow
