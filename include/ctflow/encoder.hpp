// SPDX-License-Identifier: GPL-2.0-or-later
// Flow -> message bytes. Implementations are pure: no clock, no I/O; time is a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ctflow/flow.hpp"

namespace ctflow {

class EncodedFlows;
struct RecordFormat;

/// What one message carries, for the ledger.
struct MessageContent {
  std::uint32_t flows = 0;         ///< flow reports
  std::uint32_t data_records = 0;  ///< Flow Records (one or two per flow report)
  std::uint32_t option_records = 0;
  std::uint32_t templates = 0;
  std::uint64_t packets = 0;  ///< sum of packetDeltaCount over the flow records
  std::uint64_t octets = 0;   ///< sum of octetDeltaCount over the flow records
};

/// Totals of one Exporting Process since it began, for options records (RFC 7011 section 4).
struct ExportStatistics {
  std::uint64_t exported_messages = 0;
  std::uint64_t exported_records = 0;  ///< flow records
  std::uint64_t exported_octets = 0;   ///< of messages
  std::uint64_t ignored_packets = 0;   ///< seen, and not to be exported by the configuration
  std::uint64_t ignored_octets = 0;
  std::uint64_t not_sent_flows = 0;    ///< flow records that were lost, wherever
  std::uint64_t not_sent_packets = 0;  ///< of lost messages; unknown for other losses
  std::uint64_t not_sent_octets = 0;
};

/// Which options a collector gets.
struct OptionsKinds {
  bool sampling = false;
  bool statistics = false;
  bool interface_names = false;
};

/// Builds the messages of one Transport Session for one Observation Domain (RFC 7011) or
/// Source ID (RFC 3954), and owns its sequence number.
///
/// One message is open at a time: begin(), any number of add…(), finish(). A message that finish()
/// returned counts as sent even if the transport then loses it, so that the collector sees the gap.
class Encoder {
 public:
  virtual ~Encoder() = default;

  /// Starts a message in `buffer`, whose size is the limit of the message. The buffer must stay
  /// valid until finish() and hold at least kMinimumMessageSize octets.
  virtual void begin(std::span<std::byte> buffer) = 0;

  /// Appends as many of the outstanding Template Records as fit. True when none is left; else
  /// finish this message and call again on the next one.
  [[nodiscard]] virtual bool add_templates() = 0;

  /// Makes all templates outstanding again.
  virtual void restart_templates() = 0;

  /// Appends the Options Template Records of these kinds that the message does not have yet.
  /// False: they do not fit, the message is unchanged.
  [[nodiscard]] virtual bool add_options_templates(const OptionsKinds& kinds) = 0;

  /// From now on options records go without their templates, because every Transport Session begins
  /// with those of add_options_templates(). Until then each template precedes its records in the
  /// same message.
  virtual void omit_options_templates() = 0;

  /// Appends the options record of the sampling rate (1 of 1).
  /// False: does not fit, the message is unchanged.
  [[nodiscard]] virtual bool add_sampling_options() = 0;

  /// Appends the options records of the statistics.
  /// False: do not fit, the message is unchanged.
  [[nodiscard]] virtual bool add_statistics(const ExportStatistics& statistics) = 0;

  /// Appends an options record with the name of an interface.
  /// False: does not fit, the message is unchanged.
  [[nodiscard]] virtual bool add_interface_name(std::uint32_t index, std::string_view name) = 0;

  /// Appends the record of the initiator and, if packets came back, that of the responder.
  /// False: full, the message is unchanged. A flow always fits into an empty message.
  [[nodiscard]] virtual bool add(const Flow& flow) = 0;

  /// What its Flow Records depend on, beside the flow report.
  [[nodiscard]] virtual const RecordFormat& record_format() const = 0;

  /// The same as add() for flow reports from `first` on, whose records were encoded in the same
  /// format: appends as many as fit, in their order. Returns how many.
  [[nodiscard]] virtual std::size_t add_encoded(const EncodedFlows& flows, std::size_t first) = 0;

  /// What the open message carries so far.
  [[nodiscard]] virtual const MessageContent& content() const = 0;

  /// Completes the header and advances the sequence number. The bytes are those of the buffer
  /// given to begin().
  [[nodiscard]] virtual std::span<const std::byte> finish(TimePoint now) = 0;
};

/// RFC 7011 section 10.3.3: the size to use for an unknown path.
inline constexpr std::size_t kMinimumMessageSize = 512;
/// Largest payload of a UDP datagram over IPv4 (65535 - 20 - 8).
inline constexpr std::size_t kMaximumMessageSize = 65507;

}  // namespace ctflow
