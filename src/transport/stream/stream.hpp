// SPDX-License-Identifier: GPL-2.0-or-later
// Messages over TCP or TLS (RFC 7011 section 10.4), one connection at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "event_loop/pending_handlers.hpp"
#include "event_loop/timer.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "transport/session/session.hpp"
#include "transport/spool/spool.hpp"
#include "transport/stream/backoff.hpp"
#include "transport/stream/connection.hpp"
#include "transport/stream/dialer.hpp"

namespace ctflow {

/// What the messages are.
enum class Framing : std::uint8_t {
  kIpfix,
  kLines,  ///< whole lines of text, which go as they are; nothing goes before them
};

/// A Transport Session is a connection: it begins with all templates, and sequence numbers from 0.
/// Messages wait in the spool until a connection takes them, and count as sent when the collector's
/// host has acknowledged them; when the connection breaks earlier, they are sent again, whole, on
/// the next one. What the host acknowledged and the collector never read is lost without a trace:
/// TCP does not report it.
class StreamTransport : public SessionTransport {
 public:
  /// `ledger` must outlive this.
  StreamTransport(boost::asio::io_context& io, const CollectorConfig& config, Dialer::Make make,
                  ExportLedger& ledger, Backoff backoff = Backoff(), Clock clock = system_now,
                  Framing framing = Framing::kIpfix);
  /// Without stop() before, it does the same.
  ~StreamTransport() override;

  StreamTransport(const StreamTransport&) = delete;
  StreamTransport& operator=(const StreamTransport&) = delete;
  StreamTransport(StreamTransport&&) = delete;
  StreamTransport& operator=(StreamTransport&&) = delete;

  void begin_with(std::vector<CountedMessage> messages) override;
  bool prepare() override { return std::exchange(new_session_, false); }
  void send(std::span<const std::byte> message, const MessageContent& content) override;
  [[nodiscard]] bool busy() const override;
  void stop() final;
  /// Also during the first attempt.
  [[nodiscard]] bool connected() const override { return in_session_ || untried_; }
  [[nodiscard]] bool lookup_running() const override { return dialer_.lookup_running(); }
  [[nodiscard]] std::uint64_t refusals() const override { return refusals_; }
  [[nodiscard]] TransportStatus status() const override {
    return {dialer_.peer(), last_failure_, certificates_, backlog()};
  }

 private:
  using Error = Connection::Error;

  /// A message that the kernel may have, and where in the stream it ends.
  struct Flying {
    KeptMessage message;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  ///< kUnknown while a connection that conceals lengths writes it
  };

  [[nodiscard]] Backlog backlog() const;
  void dial();
  void dial_later();
  void on_dialed(const DialResult& result);
  /// Waits as long as the peer may take to refuse us.
  void let_settle(std::chrono::steady_clock::duration round_trips);
  void begin_session();
  void await_end();
  /// Gives the kernel what it takes.
  void pump();
  std::optional<KeptMessage> next_message();
  void write(std::size_t batch);
  void on_written(const Error& error, std::size_t octets, std::size_t batch);
  /// Takes note of what the collector's host has acknowledged.
  void poll_acknowledgements();
  void poll_later();
  /// Puts on disk what the collector's host does not take: the end of this process is to cost no
  /// more than what came within a second.
  void secure_overdue();
  /// Right before the end. False: not all that is under way could be put on disk.
  bool secure_at_stop();
  /// Whether the kernel throws away what it has not sent when the connection is closed, as it is
  /// when the process is killed: what is on disk must not be delivered as well.
  void abort_on_close(bool abort);
  void work();
  [[nodiscard]] bool may_send_now();
  /// Ends the session to begin another, because what waits needs other templates.
  void change_session();
  void on_broken(const std::string& reason);
  void disconnect();
  void note_failure(FailureKind kind, const std::string& reason);

  const Framing framing_;
  CollectorConfig config_;
  Clock clock_;
  ExportLedger& ledger_;
  Backoff backoff_;
  Dialer dialer_;
  Spool spool_;
  Timer dial_timer_;
  Timer poll_timer_;
  Timer rate_timer_;
  Timer work_timer_;
  std::shared_ptr<const Origin> origin_ = make_origin({});

  std::shared_ptr<Connection> connection_;  ///< null: none; held by handlers as well
  PendingHandlers of_connection_;           ///< reads and writes of this connection
  bool in_session_ = false;
  bool writing_ = false;
  bool polling_ = false;
  bool replaying_ = false;  ///< what waited before the session goes out at a limited rate
  bool changing_ = false;
  std::shared_ptr<const Origin> session_origin_;
  SessionSequence sequence_;
  std::optional<KeptMessage> held_;  ///< taken from the spool, to be sent next
  std::deque<Flying> flying_;
  std::size_t flying_octets_ = 0;
  std::size_t secured_ = 0;  ///< of flying_, from the first: on disk, and not as handed over
  bool aborts_ = false;
  std::uint64_t position_ = 0;  ///< of the stream, behind what was given to the connection
  std::uint64_t written_ = 0;   ///< … behind what the kernel took
  double allowance_ = 0;        ///< octets that the rate allows
  MonoTime allowed_at_{};

  bool untried_ = true;  ///< the first attempt has not ended
  bool stopped_ = false;
  bool new_session_ = true;  ///< for prepare()
  std::uint64_t refusals_ = 0;
  LastFailure last_failure_;
  std::vector<Certificate> certificates_;  ///< of the last connection
  log::RateLimit connect_log_;
  log::RateLimit broken_log_;
};

}  // namespace ctflow
