// SPDX-License-Identifier: GPL-2.0-or-later
// NetFlow version 9 packets (RFC 3954).
#pragma once

#include <vector>

#include "encode/set_encoder.hpp"
#include "encode/system_uptime.hpp"

namespace ctflow {

class Netflow9Encoder : public SetEncoder {
 public:
  /// `boot`: when this host started; sysUpTime and the records' times count from there.
  Netflow9Encoder(const EncoderOptions& options, TimePoint boot);

  void begin(std::span<std::byte> buffer) override;
  [[nodiscard]] std::span<const std::byte> finish(TimePoint now) override;

 private:
  /// The times of one record, which can be written only when the header's sysUpTime is known.
  struct PlacedTimes {
    std::size_t record_offset;
    std::size_t start_offset;  ///< of flowStartSysUpTime, kNowhere if the record has none
    std::size_t end_offset;    ///< of flowEndSysUpTime
    RecordTimes times;
  };

  static constexpr std::size_t kNowhere = ~std::size_t{0};

  void write_options_head(WireWriter& writer, const OptionsLayout& layout) override;
  void record_written(std::size_t offset, const RecordTimes& times,
                      const Template& fields) override;
  void discard_records(std::size_t offset) override;

  std::uint32_t source_id_;
  std::uint32_t sequence_ = 0;  ///< earlier packets, modulo 2^32 (RFC 3954 section 5.1)
  SystemUptime uptime_;
  std::vector<PlacedTimes> times_;
};

}  // namespace ctflow
