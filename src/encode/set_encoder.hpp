// SPDX-License-Identifier: GPL-2.0-or-later
// What IPFIX and NetFlow v9 share: Sets of records behind a header, filled transactionally.
#pragma once

#include "ctflow/encoder.hpp"
#include "encode/templates.hpp"

namespace ctflow {

/// Lays out Sets (RFC 7011 section 3.3) or FlowSets (RFC 3954 section 5.2), which differ only in
/// the numbers of SetFormat. Subclasses write the message header.
class SetEncoder : public Encoder {
 public:
  void begin(std::span<std::byte> buffer) override;
  [[nodiscard]] bool add_templates() override;
  void restart_templates() override { next_template_ = 0; }
  [[nodiscard]] bool add_sampling_options() override;
  [[nodiscard]] bool add(const Flow& flow) override;
  [[nodiscard]] const MessageContent& content() const override { return content_; }

 protected:
  struct SetFormat {
    std::size_t header_length;
    std::uint16_t template_set_id;
    std::uint16_t options_set_id;
    std::size_t alignment;  ///< Sets are padded with zeros to a multiple of this
  };

  SetEncoder(const SetFormat& format, std::span<const Template> templates)
      : format_(format), templates_(templates) {}

  /// Closes the open Set. The header is still zero; its length is `format.header_length`.
  WireWriter& close_message();

 private:
  /// Writes the Options Template Record of the sampler, without Set header.
  virtual void write_sampling_template(WireWriter& writer) = 0;
  /// Writes one sampler record.
  virtual void write_sampling_record(WireWriter& writer) = 0;
  /// A record was written at `offset`; discard_records() takes back those at `offset` and after.
  virtual void record_written(std::size_t /*offset*/, const Flow& /*flow*/,
                              const Template& /*layout*/) {}
  virtual void discard_records(std::size_t /*offset*/) {}

  /// Where an unsuccessful add…() returns to.
  struct Savepoint {
    std::size_t size;
    std::size_t set_offset;
    std::uint16_t set_id;
  };
  [[nodiscard]] Savepoint save() const { return {writer_.size(), set_offset_, set_id_}; }
  void restore(const Savepoint& savepoint);

  void open_set(std::uint16_t id);
  void close_set();
  /// True when everything written so far, with the padding of the open Set, is within the buffer.
  [[nodiscard]] bool fits();
  void write_record(const Flow& flow, bool initiator);

  SetFormat format_;
  std::span<const Template> templates_;
  WireWriter writer_;
  MessageContent content_;
  std::size_t next_template_ = 0;
  std::size_t set_offset_ = 0;
  std::uint16_t set_id_ = kNoSet;

  static constexpr std::uint16_t kNoSet = 0xffff;
};

}  // namespace ctflow
