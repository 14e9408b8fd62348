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

  /// Sends one message. An error means this message is lost:
  /// - std::errc::operation_would_block: the send buffer is full
  /// - std::errc::not_connected: no address is known for the collector's name
  /// - anything else: what the kernel answered
  virtual std::error_code send(std::span<const std::byte> message) = 0;

  /// Grows whenever the peer may be another one than before (new address): templates must be sent
  /// again before the next record.
  [[nodiscard]] virtual std::uint64_t session() const = 0;

  /// ICMP refusals seen so far: nobody listens at the collector's port.
  [[nodiscard]] virtual std::uint64_t refusals() const = 0;

  /// For logs: address and port, or the name while it has no address.
  [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace ctflow
