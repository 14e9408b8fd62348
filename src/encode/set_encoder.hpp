// SPDX-License-Identifier: GPL-2.0-or-later
// What IPFIX and NetFlow v9 share: Sets of records after a header, filled transactionally.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "ctflow/encoder.hpp"
#include "encode/encoded_flows.hpp"
#include "encode/flow_records.hpp"
#include "encode/layout.hpp"
#include "encode/options_layouts.hpp"
#include "encode/record_format.hpp"

namespace ctflow {

/// Lays out Sets (RFC 7011 section 3.3) or FlowSets (RFC 3954 section 5.2), which differ only in
/// the numbers of SetFormat. Subclasses write the message header.
class SetEncoder : public Encoder {
 public:
  void begin(std::span<std::byte> buffer) override;
  [[nodiscard]] bool add_templates() override;
  void restart_templates() override { next_template_ = 0; }
  [[nodiscard]] bool add_options_templates(const OptionsKinds& kinds) override;
  void omit_options_templates() override { omits_options_templates_ = true; }
  [[nodiscard]] bool add_sampling_options() override;
  [[nodiscard]] bool add_statistics(const ExportStatistics& statistics) override;
  [[nodiscard]] bool add_interface_name(std::uint32_t index, std::string_view name) override;
  [[nodiscard]] bool add(const Flow& flow) override;
  [[nodiscard]] const RecordFormat& record_format() const override { return record_format_; }
  [[nodiscard]] std::size_t add_encoded(const EncodedFlows& flows, std::size_t first) override;
  [[nodiscard]] const MessageContent& content() const override { return content_; }

 protected:
  struct SetFormat {
    std::size_t header_length;
    std::uint16_t template_set_id;
    std::uint16_t options_set_id;
    std::size_t alignment;       ///< Sets are padded with zeros to a multiple of this, a power of 2
    bool notes_records = false;  ///< record_written() is to be called
  };

  /// `options_record`: what options records of this encoder have in common.
  SetEncoder(const SetFormat& format, RecordFormat records, const OptionsRecord& options_record,
             const OptionsLayouts& options);

  /// Closes the open Set. The header is still zero; its length is `format.header_length`.
  WireWriter& close_message();

  [[nodiscard]] const Layout& layout() const { return layout_; }

  /// The time for the header of a message that is sent now: not before its latest record, even if
  /// the wall clock was set back in between.
  [[nodiscard]] TimePoint export_time(TimePoint now) const { return std::max(now, latest_); }

 private:
  /// Writes what stands before the Field Specifiers of an Options Template Record.
  virtual void write_options_head(WireWriter& writer, const OptionsLayout& layout) = 0;
  /// For subclasses with `format.notes_records`: a record was written at `offset`;
  /// discard_records() takes back those at `offset` and after.
  virtual void record_written(std::size_t /*offset*/, const RecordTimes& /*times*/,
                              const Template& /*fields*/) {}
  virtual void discard_records(std::size_t /*offset*/) {}

  /// Where an unsuccessful add…() returns to.
  struct Savepoint {
    std::size_t size;
    std::size_t set_offset;
    std::uint16_t set_id;
    std::uint32_t templates;
    OptionsKinds has_options;
  };
  [[nodiscard]] Savepoint save() const {
    return {writer_.size(), set_offset_, set_id_, content_.templates, has_options_};
  }
  void restore(const Savepoint& savepoint);
  /// True, and `records` are counted, when all fits; else back to `savepoint`.
  bool keep_options(const Savepoint& savepoint, std::uint32_t records);

  /// An Options Template Record in a Set of its own: nfdump reads one of a Set.
  void write_options_template(const OptionsLayout& layout);
  /// False: the message has the template, or the session began with it.
  [[nodiscard]] bool introduces(bool& has) const {
    return !omits_options_templates_ && !std::exchange(has, true);
  }
  void introduce(bool& has, const OptionsLayout& layout) {
    if (introduces(has)) write_options_template(layout);
  }
  void encode_templates();

  void open_set(std::uint16_t id) {
    if (set_id_ != id) begin_set(id);
  }
  void begin_set(std::uint16_t id);
  void close_set();
  /// Octets of padding that the open Set needs.
  [[nodiscard]] std::size_t padding() const {
    return (set_offset_ - writer_.size()) & (format_.alignment - 1);
  }
  /// True when everything written so far, with the padding of the open Set, is within the buffer.
  [[nodiscard]] bool fits();
  /// Octets of records that the open Set can still take.
  [[nodiscard]] std::size_t room_in_set() const { return end_of_set() - writer_.size(); }
  /// Where the open Set ends at the latest.
  [[nodiscard]] std::size_t end_of_set() const {
    return set_offset_ + ((writer_.capacity() - set_offset_) & ~(format_.alignment - 1));
  }
  void change_set(std::uint16_t id) {
    set_id_ = id;
    open_place_ = Layout::kNoPlace;
  }
  void write_record(const Template& layout, const Record& record);
  /// Writes records of any templates, all or none.
  bool write_in_sets(const FlowRecords& records, const Flow& flow);
  bool add_otherwise(const Flow& flow);
  /// What add() has to know of the open Set for the flow reports that follow this one.
  void expect_more(const Flow& flow);
  void note_both(const Flow& flow, std::size_t offset);
  /// Counts what records carry.
  void count(const Counters& recorded, TimePoint latest);
  void note_records(const EncodedFlow& flow, std::size_t offset);
  /// Appends flow reports of one template, as many as fit. Returns how many.
  std::size_t add_alike(const EncodedFlows& flows, std::size_t first);
  /// Appends one, of which the records may be of two templates.
  bool add_one(const EncodedFlows& flows, std::size_t index);

  SetFormat format_;
  RecordFormat record_format_;
  Layout layout_;
  OptionsRecord options_record_;
  const OptionsLayouts& options_;
  WireWriter writer_;
  MessageContent content_;
  /// The Template Records, one behind the other as they are sent; each ends where the next begins.
  std::vector<std::byte> template_records_;
  std::vector<std::size_t> template_ends_;
  std::size_t next_template_ = 0;
  std::size_t set_offset_ = 0;
  std::uint16_t set_id_ = kNoSet;
  /// Of the open Set, if it is of a template that both records of a flow report have: where it is
  /// in the layout, and where the records end that fit. Layout::kNoPlace: it is not, or not known.
  std::size_t open_place_ = Layout::kNoPlace;
  std::size_t records_end_ = 0;
  const Template* open_template_ = nullptr;
  TimePoint latest_{};        ///< the latest time in the open message
  OptionsKinds has_options_;  ///< Options Templates of the open message
  bool omits_options_templates_ = false;

  /// No Template ID, which are 256 and more, and no Set of templates (RFC 7011 section 3.3.2).
  static constexpr std::uint16_t kNoSet = 255;
};

}  // namespace ctflow
