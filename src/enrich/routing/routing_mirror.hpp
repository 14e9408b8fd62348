// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps a copy of this network namespace's routing: reads all of it, then follows its changes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "ctflow/clock.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/interface_names.hpp"
#include "enrich/routing/routing_socket.hpp"
#include "enrich/routing/routing_state.hpp"
#include "event_loop/readiness.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"

namespace ctflow {

/// A copy that may have missed something is replaced as a whole: a second one is read beside it,
/// which takes over when it is complete, with what the first remembers of the last minutes.
class RoutingMirror {
 public:
  /// Opens the socket. Throws std::system_error.
  explicit RoutingMirror(boost::asio::io_context& io);
  ~RoutingMirror() = default;

  RoutingMirror(const RoutingMirror&) = delete;
  RoutingMirror& operator=(const RoutingMirror&) = delete;
  RoutingMirror(RoutingMirror&&) = delete;
  RoutingMirror& operator=(RoutingMirror&&) = delete;

  /// Starts reading, from within the event loop.
  void start();

  /// True once everything was read; until then state() is empty.
  [[nodiscard]] bool loaded() const { return loaded_; }
  /// True while everything is read, for the first time or again.
  [[nodiscard]] bool reading() const { return next_ != nullptr; }
  /// To be asked for at every use: a resynchronisation replaces it.
  [[nodiscard]] const RoutingState& state() const { return *state_; }
  [[nodiscard]] const InterfaceNames& names() const { return names_; }
  [[nodiscard]] const RoutingCounters& counters() const { return counters_; }

  /// Called when a name in names() is new.
  void on_names_changed(std::function<void()> callback) { names_changed_ = std::move(callback); }

 private:
  void wait();
  /// Reads one batch, then lets timers and other sockets have their turn.
  void drain();
  /// False: nothing was waiting.
  bool read_batch();
  void on_error(const std::error_code& error);
  void on_datagram(Bytes datagram);
  void on_answer(Bytes message);
  void on_change(Bytes message);
  [[nodiscard]] bool will_be_read(Bytes message) const;
  void count(Applied applied);

  void begin_dump();
  void request_step();
  void end_step();
  void adopt();
  /// Reads everything again soon.
  void resync();

  void update_name(Bytes message);
  void update_names();

  RoutingSocket socket_;
  Readiness readable_;  ///< of the socket
  Timer turn_;
  Timer resync_timer_;
  std::unique_ptr<RoutingState> state_ = std::make_unique<RoutingState>();
  std::unique_ptr<RoutingState> next_;  ///< being read; null = no dump runs
  std::size_t step_ = 0;                ///< of the dump
  std::uint32_t sequence_ = 0;          ///< of its current request
  int interruptions_ = 0;               ///< of dumps, one after the other
  bool answered_ = false;               ///< a part of its current answer is here
  bool interrupted_ = false;            ///< the objects changed while they were read
  bool again_ = false;                  ///< changes were lost while a dump ran
  bool resync_awaited_ = false;
  bool loaded_ = false;
  MonoTime began_{};
  MonoTime ended_{};
  MonoTime::duration lasted_{};
  InterfaceNames names_;
  std::function<void()> names_changed_;
  RoutingCounters counters_;
  log::RateLimit malformed_log_;
  log::RateLimit error_log_;
  log::RateLimit resync_log_;
};

}  // namespace ctflow
