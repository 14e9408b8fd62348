// SPDX-License-Identifier: GPL-2.0-or-later
// The records of eBPF programs as the events of one namespace, in place of the netlink listener.
#pragma once

#include <functional>

#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/source_status.hpp"
#include "extras/from_bpf/record_ring.hpp"
#include "log/log.hpp"

namespace ctflow {

/// Counts what the programs lost, and asks for a look at the table when ends are among it.
class RecordFeed : private RecordConsumer {
 public:
  /// The watch of a namespace that is not started yet.
  static Watch watch_of(const SourceConfig& config, bool beginnings);

  /// `id`: a watch of `ring`, which must outlive this. The watch ends with this.
  RecordFeed(RecordRing& ring, int id, const SourceConfig& config);
  ~RecordFeed() override;

  RecordFeed(const RecordFeed&) = delete;
  RecordFeed& operator=(const RecordFeed&) = delete;
  RecordFeed(RecordFeed&&) = delete;
  RecordFeed& operator=(RecordFeed&&) = delete;

  /// Whether records of connections that begin are read, too; at first they are not.
  void listen_to_beginnings(bool on);

  /// Called when ends were lost and what was left is read.
  std::function<void()> events_lost;

  /// Starts reading. `consumer` and `counters` must stay valid until stop() returns.
  void start(RecordConsumer& consumer, SourceCounters& counters);

  /// Reads what is waiting, up to a bound. True: all that the programs had sent was read.
  bool catch_up() { return ring_.catch_up(); }

  /// Has every measured connection reported, and reads that. False: not all.
  bool report_all() { return ring_.report_all(id_); }

  [[nodiscard]] const BatchSizes& batches() const { return batches_; }

  /// Nothing more is sent; delivers what the ring still holds, and ends.
  void stop();

 private:
  void on_record(const ctflow_record& record, const Instant& time) override;
  void on_batch_end() override;
  void count_lost();

  RecordRing& ring_;
  int id_;
  SourceConfig config_;
  RecordConsumer* consumer_ = nullptr;
  SourceCounters* counters_ = nullptr;
  RecordLosses counted_{};
  std::size_t batch_ = 0;  ///< records since the last on_batch_end()
  BatchSizes batches_;
  bool stopped_ = false;
  log::RateLimit lost_log_;
  log::RateLimit unmeasured_log_;
};

}  // namespace ctflow
