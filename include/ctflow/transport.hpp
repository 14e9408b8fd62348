// SPDX-License-Identifier: GPL-2.0-or-later
// The seam at the end of the path: message bytes -> collector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace ctflow {

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
  /// - anything else: what the kernel answered
  virtual std::error_code send(std::span<const std::byte> message) = 0;

  /// True while an answer of the name service is awaited.
  [[nodiscard]] virtual bool lookup_running() const = 0;

  /// ICMP refusals so far: nobody listened at the collector's port, earlier messages were in vain.
  [[nodiscard]] virtual std::uint64_t refusals() const = 0;

  /// False: there is no way to the collector now, by what is known without sending.
  [[nodiscard]] virtual bool connected() const { return true; }

  /// For logs: address and port, or the name while it has no address.
  [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace ctflow
