// SPDX-License-Identifier: GPL-2.0-or-later
// IPFIX messages (RFC 7011).
#pragma once

#include "encode/set_encoder.hpp"

namespace ctflow {

class IpfixEncoder : public SetEncoder {
 public:
  explicit IpfixEncoder(const EncoderOptions& options);

  [[nodiscard]] std::span<const std::byte> finish(TimePoint now) override;

 private:
  void write_options_head(WireWriter& writer, const OptionsLayout& layout) override;

  std::uint32_t observation_domain_;
  /// Data Records of all earlier messages, modulo 2^32 (RFC 7011 section 3.1).
  std::uint32_t sequence_ = 0;
};

}  // namespace ctflow
