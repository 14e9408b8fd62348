// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the end of the path: message bytes -> collector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/transport_status.hpp"

namespace ctflow {

/// A whole message and what it carries, for the ledger.
struct CountedMessage {
  std::vector<std::byte> bytes;
  MessageContent content;
};

/// Carries whole messages to one collector. Never blocks, never throws after construction.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Called before a message is begun: takes up a new address, a new connection. True when the peer
  /// may not know the templates, so that they must come first; true at the first call.
  virtual bool prepare() = 0;

  /// Sends one message. An error means that this message is lost:
  /// - std::errc::operation_would_block: the send buffer is full
  /// - std::errc::not_connected: no address is known for the collector's name
  /// - std::errc::connection_reset: not yet, the socket had become useless and was replaced; to be
  ///   sent again behind the templates, as the peer takes us for another one
  /// - anything else: what the kernel answered
  virtual std::error_code send(std::span<const std::byte> message) = 0;

  /// Octets of the longest message that does not need fragments on any path, where the path cannot
  /// be known to take more.
  [[nodiscard]] virtual std::size_t longest_message() const {
    return std::numeric_limits<std::size_t>::max();
  }

  /// True: every connection or file is a Transport Session that the transport begins by itself,
  /// with the messages of begin_sessions_with(). Templates are needed nowhere else (RFC 7011
  /// section 8), and the sequence numbers of messages are those of the Exporting Process as long as
  /// it lives: the transport makes them those of the session.
  [[nodiscard]] virtual bool has_sessions() const { return false; }

  /// Only with has_sessions(), once, before anything is sent: the messages with all templates and
  /// the options that never change, and the ledger in which the transport enters what becomes of
  /// messages. The ledger must stay where it is until stop() has been called.
  virtual void begin_sessions_with(const std::vector<CountedMessage>& /*messages*/,
                                   ExporterCounters& /*ledger*/) {}

  /// send() of a message that a transport with sessions may keep until the collector is there.
  /// std::errc::operation_in_progress: it is in the ledger already, as sent, waiting or lost.
  virtual std::error_code send_counted(std::span<const std::byte> message,
                                       const MessageContent& /*content*/) {
    return send(message);
  }

  /// True while messages wait that may leave within a moment: a reason to run the event loop on
  /// before stop().
  [[nodiscard]] virtual bool busy() const { return false; }

  /// The last call: ends the session, and enters in the ledger what became of all that waited.
  virtual void stop() {}

  /// True while an answer of the name service is awaited.
  [[nodiscard]] virtual bool lookup_running() const = 0;

  /// ICMP refusals so far: nobody listened at the collector's port, earlier messages were in vain.
  [[nodiscard]] virtual std::uint64_t refusals() const = 0;

  /// False: there is no way to the collector now, by what is known without sending.
  [[nodiscard]] virtual bool connected() const { return true; }

  /// The last time that there was no way to the collector, and why.
  [[nodiscard]] virtual LastFailure last_failure() const { return {}; }

  /// What waits here; nothing where messages leave at once.
  [[nodiscard]] virtual std::optional<Backlog> backlog() const { return std::nullopt; }

  /// For logs: address and port, or the name while it has no address.
  [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace ctflow
