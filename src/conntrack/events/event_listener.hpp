// SPDX-License-Identifier: GPL-2.0-or-later
// Reads conntrack events in batches from within the event loop.
#pragma once

#include <linux/netfilter/nfnetlink.h>

#include <boost/asio/io_context.hpp>
#include <functional>

#include "conntrack/events/batch_delay.hpp"
#include "conntrack/events/queue_watch.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/source_status.hpp"
#include "event_loop/readiness.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "netlink/datagram_batch.hpp"
#include "netlink/netlink_socket.hpp"

namespace ctflow {

/// Takes what the listener read.
class EventConsumer {
 public:
  virtual ~EventConsumer() = default;
  /// One datagram of the kernel, one or more netlink messages; `time`: when it was read.
  virtual void on_datagram(Bytes datagram, const Instant& time) = 0;
  /// A datagram that comes soon.
  virtual void expect(Bytes /*datagram*/) {}
  /// Nothing more is waiting just now.
  virtual void on_batch_end() = 0;
};

/// Receives DESTROY events. Waits until one is there, then pauses for a moment (BatchDelay) before
/// it reads all that came meanwhile: waking up for each event costs two to four times as much and
/// slows the kernel's own side.
class EventListener {
 public:
  /// Opens the socket: from here on the kernel queues events. Throws std::system_error.
  EventListener(boost::asio::io_context& io, const SourceConfig& config);
  ~EventListener() = default;

  EventListener(const EventListener&) = delete;
  EventListener& operator=(const EventListener&) = delete;
  EventListener(EventListener&&) = delete;
  EventListener& operator=(EventListener&&) = delete;

  /// Whether events of connections that begin are read, too; at first they are not.
  void listen_to_beginnings(bool on) { socket_.set_membership(NFNLGRP_CONNTRACK_NEW, on); }

  /// Called when events were lost and what was left of them is read.
  std::function<void()> events_lost;

  /// Starts reading. `consumer` and `counters` must stay valid until stop() returns.
  void start(EventConsumer& consumer, SourceCounters& counters);

  /// Reads what is waiting, up to a bound. True: all that the kernel had sent was read.
  bool catch_up();

  [[nodiscard]] EventQueueStatus status() const;

  /// The kernel leaves out events (source.filter).
  [[nodiscard]] bool filtered() const { return filtered_; }

  /// Leaves the event groups, delivers what the socket still holds, and ends.
  void stop();

 private:
  void attach_filter(const FilterConfig& config);
  void wait();
  void wait_for_more();
  /// Reads up to kBatchesPerTurn batches, then lets timers and other sockets have their turn.
  void drain();
  /// One batch. False: nothing was waiting.
  bool read_batch();
  void on_error(const std::error_code& error);
  /// Gives the queue more room when it was half full.
  void watch_room();
  /// Enters in the ledger what the kernel could not deliver.
  void count_lost();

  static constexpr std::size_t kBatch = 64;           ///< datagrams, all that BatchSizes can hold
  static constexpr std::size_t kDatagramSize = 8192;  ///< octets; an event has less than 1 KiB
  static constexpr std::size_t kAhead = 2;  ///< datagrams, for what memory needs to answer
  static constexpr int kBatchesPerTurn = 32;
  static constexpr int kTurnsToCatchUp = 16;

  NetlinkSocket socket_;
  DatagramBatch batch_{kBatch, kDatagramSize};
  Readiness readable_;  ///< of the socket
  Timer timer_;
  BatchDelay batch_delay_;
  std::size_t read_ = 0;  ///< events since the queue was read to its end
  bool reliable_;
  bool filtered_ = false;
  QueueWatch queue_watch_;
  BatchSizes batches_;
  EventConsumer* consumer_ = nullptr;
  SourceCounters* counters_ = nullptr;
  log::RateLimit overrun_log_;
  log::RateLimit error_log_;
  log::RateLimit foreign_log_;
};

}  // namespace ctflow
