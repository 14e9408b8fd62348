// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the end of the path: message bytes -> collector. There are two kinds of transport:
// datagrams, where a message leaves or is lost at once, and Transport Sessions (TCP, TLS, files),
// which keep messages and begin with the templates by themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
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

/// What is asked for only now and then, to be shown.
struct TransportStatus {
  std::string peer{};  ///< address and port, or the name while it has no address
  LastFailure last_failure{};
  std::vector<Certificate> certificates{};  ///< of the last TLS connection
  std::optional<Backlog> backlog{};         ///< nothing where messages leave at once
};

/// What both kinds answer. Never blocks, never throws after construction.
class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;

  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  Transport(Transport&&) = delete;
  Transport& operator=(Transport&&) = delete;

  /// False: there is no way to the collector now, by what is known without sending.
  [[nodiscard]] virtual bool connected() const = 0;

  /// True while an answer of the name service is awaited.
  [[nodiscard]] virtual bool lookup_running() const { return false; }

  /// Times so far that the collector's host answered that no program listens at the port: ICMP port
  /// unreachable, refused connections. Datagrams sent before that were probably lost.
  [[nodiscard]] virtual std::uint64_t refusals() const { return 0; }

  [[nodiscard]] virtual TransportStatus status() const = 0;
};

/// What became of a datagram.
class SendResult {
 public:
  static constexpr SendResult sent() { return {Kind::kSent, {}}; }
  static constexpr SendResult lost(LossReason reason) { return {Kind::kLost, reason}; }
  /// Not sent: the socket had to be replaced, so that the collector takes us for another exporter.
  /// To be sent again behind the templates.
  static constexpr SendResult again() { return {Kind::kAgain, {}}; }

  [[nodiscard]] constexpr bool is_sent() const { return kind_ == Kind::kSent; }
  [[nodiscard]] constexpr bool is_again() const { return kind_ == Kind::kAgain; }
  /// Nothing: it is not lost.
  [[nodiscard]] constexpr std::optional<LossReason> loss() const {
    return kind_ == Kind::kLost ? std::optional(reason_) : std::nullopt;
  }

  friend constexpr bool operator==(const SendResult&, const SendResult&) = default;

 private:
  enum class Kind : std::uint8_t { kSent, kLost, kAgain };
  constexpr SendResult(Kind kind, LossReason reason) : kind_(kind), reason_(reason) {}

  Kind kind_;
  LossReason reason_;
};

/// Messages as datagrams (RFC 7011 section 10.3).
class DatagramTransport : public Transport {
 public:
  /// Called before a message is begun: takes up a new address of the collector. True when the
  /// collector may not have the templates, so that they must come first; true at the first call.
  virtual bool prepare() = 0;

  virtual SendResult send(std::span<const std::byte> message) = 0;

  /// How many messages send_together() takes now; 1: none.
  [[nodiscard]] virtual std::size_t messages_at_once() const { return 1; }

  /// Sends messages that stand one behind the other, `length` octets each but the last, which may
  /// be shorter, as datagrams of their own. False: none of them was sent, and each is for send().
  virtual bool send_together(std::span<const std::byte> /*messages*/, std::size_t /*length*/) {
    return false;
  }

  /// Octets of the longest message that needs no fragments on any path, where the path is not known
  /// to take more.
  [[nodiscard]] virtual std::size_t longest_message() const = 0;
};

/// Messages in Transport Sessions, one after the other: connections or files. Templates are sent
/// only at the beginning of each (RFC 7011 section 8). Messages carry the sequence numbers of the
/// Exporting Process; the transport makes them those of the session. What becomes of each message
/// is entered in the ledger that the transport was made with.
class SessionTransport : public Transport {
 public:
  /// Once, before anything is sent: the messages with all templates and the options that never
  /// change, which every session begins with.
  virtual void begin_with(std::vector<CountedMessage> messages) = 0;

  /// Called before a message is begun. True when a new session has begun, or the next message
  /// begins one: the collector does not have the options of earlier ones; true at the first call.
  virtual bool prepare() = 0;

  /// Sends a message, keeps it until it can be sent, or enters it as lost.
  virtual void send(std::span<const std::byte> message, const MessageContent& content) = 0;

  /// True while messages wait that may leave within a moment: a reason to run the event loop on
  /// before stop().
  [[nodiscard]] virtual bool busy() const { return false; }

  /// The last call: ends the session, and enters in the ledger what becomes of all that waits.
  virtual void stop() = 0;
};

}  // namespace ctflow
