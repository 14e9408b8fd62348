// SPDX-License-Identifier: GPL-2.0-or-later
// NetFlow version 5 datagrams: records of one fixed form, IPv4 only. Described by Cisco, "NetFlow
// Export Datagram Format", tables B-3 and B-4.
#pragma once

#include <array>
#include <cstdint>

#include "ctflow/encoder.hpp"
#include "encode/encoder_options.hpp"
#include "encode/flow_records.hpp"
#include "encode/record.hpp"
#include "encode/record_format.hpp"
#include "encode/system_uptime.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// Has no templates and no options. Counters have 32 bits: more than that of one direction is
/// shared out evenly among several records with the same times, so that sums are right.
class Netflow5Encoder final : public Encoder {
 public:
  /// `boot`: when this host started; sysUptime and the records' times count from there. The engine
  /// type and ID are the last two octets of the Observation Domain.
  Netflow5Encoder(const EncoderOptions& options, TimePoint boot);

  static constexpr std::size_t kHeaderLength = 24;
  static constexpr std::size_t kRecordLength = 48;
  static constexpr std::uint32_t kMostRecords = 30;  ///< of a datagram

  /// Whether a flow report has a place in these records.
  static bool represents(const Flow& flow) { return flow.original.family == AddressFamily::kIpv4; }

  void begin(std::span<std::byte> buffer) override;
  [[nodiscard]] bool add_templates() override { return true; }
  void restart_templates() override {}
  [[nodiscard]] bool add_options_templates(const OptionsKinds& /*kinds*/) override { return true; }
  void omit_options_templates() override {}
  [[nodiscard]] bool add_sampling_options() override { return true; }
  [[nodiscard]] bool add_statistics(const ExportStatistics& /*statistics*/) override {
    return true;
  }
  [[nodiscard]] bool add_interface_name(std::uint32_t /*index*/,
                                        std::string_view /*name*/) override {
    return true;
  }
  /// `flow` is one that represents() allows. False: full. A flow report of more than one record
  /// for each direction may have some of them in this message: the next call, which is to be with
  /// the same flow report, goes on with the others.
  [[nodiscard]] bool add(const Flow& flow) override;
  [[nodiscard]] const RecordFormat& record_format() const override { return format_; }
  /// Never called: its records are shared with no other (Exporter::can_share_records).
  [[nodiscard]] std::size_t add_encoded(const EncodedFlows& /*flows*/,
                                        std::size_t /*first*/) override {
    return 0;
  }
  [[nodiscard]] const MessageContent& content() const override { return content_; }
  [[nodiscard]] std::span<const std::byte> finish(TimePoint now) override;

 private:
  [[nodiscard]] bool is_full() const;
  /// One of `parts` records, of which this is the one with number `part`, from 0.
  void write_record(const Record& record, std::uint64_t part, std::uint64_t parts);

  RecordFormat format_;
  bool extras_;
  std::uint16_t engine_;
  std::uint32_t sequence_ = 0;  ///< records of earlier datagrams, modulo 2^32
  SystemUptime uptime_;
  WireWriter writer_;
  std::size_t room_ = 0;  ///< octets of the buffer
  MessageContent content_;
  std::array<RecordTimes, kMostRecords> times_{};
  TimePoint latest_{};         ///< the latest time in the open datagram
  std::uint64_t written_ = 0;  ///< records of the flow report that is not complete
};

}  // namespace ctflow
