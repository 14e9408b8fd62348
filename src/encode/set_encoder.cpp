// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/set_encoder.hpp"

namespace ctflow {
namespace {

template <typename Source>
void write_specifiers(WireWriter& writer, std::span<const FieldOf<Source>> fields) {
  // RFC 7011 section 3.2: the Enterprise bit, and the number after the length.
  constexpr std::uint16_t kEnterpriseBit = 0x8000;
  for (const FieldOf<Source>& field : fields) {
    writer.u16(field.enterprise == 0 ? field.element
                                     : static_cast<std::uint16_t>(field.element | kEnterpriseBit));
    writer.u16(field.length);
    if (field.enterprise != 0) writer.u32(field.enterprise);
  }
}

}  // namespace

SetEncoder::SetEncoder(const SetFormat& format, RecordFormat records,
                       const OptionsRecord& options_record, const OptionsLayouts& options)
    : format_(format),
      record_format_(std::move(records)),
      layout_(record_format_.protocol, record_format_.options),
      options_record_(options_record),
      options_(options) {
  encode_templates();
}

void SetEncoder::encode_templates() {
  constexpr std::size_t kHead = 4;              // Template ID, Field Count
  constexpr std::size_t kLongestSpecifier = 8;  // with an enterprise number
  std::size_t longest = 0;
  for (const Template& layout : layout_.templates()) {
    longest += kHead + kLongestSpecifier * layout.fields.size();
  }
  template_records_.resize(longest);
  WireWriter writer(template_records_);
  for (const Template& layout : layout_.templates()) {
    writer.u16(layout.id);
    writer.u16(static_cast<std::uint16_t>(layout.fields.size()));
    write_specifiers(writer, layout.fields);
    template_ends_.push_back(writer.size());
  }
  template_records_.resize(writer.size());
}

void SetEncoder::begin(std::span<std::byte> buffer) {
  writer_ = WireWriter(buffer);
  writer_.zeros(format_.header_length);
  content_ = {};
  latest_ = {};
  change_set(kNoSet);
  set_offset_ = 0;
  has_options_ = {};
}

void SetEncoder::begin_set(std::uint16_t id) {
  close_set();
  change_set(id);
  set_offset_ = writer_.size();
  writer_.u16(id);
  writer_.u16(0);  // length: known when the Set is closed
}

void SetEncoder::close_set() {
  if (set_id_ == kNoSet) return;
  if (padding() != 0) writer_.zeros(padding());
  change_set(kNoSet);
  if (writer_.overflowed()) return;
  writer_.overwrite_u16(set_offset_ + 2, static_cast<std::uint16_t>(writer_.size() - set_offset_));
}

void SetEncoder::restore(const Savepoint& savepoint) {
  writer_.truncate(savepoint.size);
  set_offset_ = savepoint.set_offset;
  change_set(savepoint.set_id);
  content_.templates = savepoint.templates;
  has_options_ = savepoint.has_options;
  discard_records(savepoint.size);
}

bool SetEncoder::fits() {
  if (padding() == 0) return !writer_.overflowed();
  const std::size_t size = writer_.size();
  writer_.zeros(padding());
  const bool ok = !writer_.overflowed();
  if (ok) writer_.truncate(size);
  return ok;
}

bool SetEncoder::add_templates() {
  while (next_template_ < template_ends_.size()) {
    const std::size_t start = next_template_ == 0 ? 0 : template_ends_[next_template_ - 1];
    const Savepoint savepoint = save();
    open_set(format_.template_set_id);
    writer_.octets(
        std::span(template_records_).subspan(start, template_ends_[next_template_] - start));
    if (!fits()) {
      restore(savepoint);
      return false;
    }
    ++next_template_;
    ++content_.templates;
  }
  return true;
}

bool SetEncoder::keep_options(const Savepoint& savepoint, std::uint32_t records) {
  if (!fits()) {
    restore(savepoint);
    return false;
  }
  content_.option_records += records;
  return true;
}

void SetEncoder::write_options_template(const OptionsLayout& layout) {
  close_set();
  open_set(format_.options_set_id);
  write_options_head(writer_, layout);
  write_specifiers(writer_, layout.fields);
  ++content_.templates;
}

bool SetEncoder::add_options_templates(const OptionsKinds& kinds) {
  const Savepoint savepoint = save();
  if (kinds.sampling) introduce(has_options_.sampling, options_.sampling);
  if (kinds.interface_names) introduce(has_options_.interface_names, options_.interface_names);
  if (kinds.statistics && introduces(has_options_.statistics)) {
    for (const OptionsLayout& layout : options_.statistics) write_options_template(layout);
  }
  return keep_options(savepoint, 0);
}

bool SetEncoder::add_sampling_options() {
  const Savepoint savepoint = save();
  introduce(has_options_.sampling, options_.sampling);
  open_set(options_.sampling.id);
  write_options_record(writer_, options_.sampling, options_record_);
  return keep_options(savepoint, 1);
}

bool SetEncoder::add_statistics(const ExportStatistics& statistics) {
  const Savepoint savepoint = save();
  const bool first = introduces(has_options_.statistics);
  OptionsRecord record = options_record_;
  record.statistics = statistics;
  for (const OptionsLayout& layout : options_.statistics) {
    if (first) write_options_template(layout);
    open_set(layout.id);
    write_options_record(writer_, layout, record);
  }
  return keep_options(savepoint, static_cast<std::uint32_t>(options_.statistics.size()));
}

bool SetEncoder::add_interface_name(std::uint32_t index, std::string_view name) {
  const Savepoint savepoint = save();
  introduce(has_options_.interface_names, options_.interface_names);
  close_set();  // nfdump reads the first record of a Data Set only
  open_set(options_.interface_names.id);
  OptionsRecord record = options_record_;
  record.interface = index;
  record.interface_name = name;
  write_options_record(writer_, options_.interface_names, record);
  return keep_options(savepoint, 1);
}

void SetEncoder::write_record(const Template& layout, const Record& record) {
  const std::size_t offset = writer_.size();
  layout.encode(writer_, record, layout);
  if (format_.notes_records) {
    record_written(offset, record_times(layout_.style(), record.flow), layout);
  }
}

void SetEncoder::count(const Counters& recorded, TimePoint latest) {
  content_.packets += recorded.packets;
  content_.octets += recorded.octets;
  latest_ = std::max(latest_, latest);
}

/// Apart, so that the usual records need not save what this one needs.
[[gnu::noinline]] bool SetEncoder::write_in_sets(const FlowRecords& records, const Flow& flow) {
  const Savepoint savepoint = save();
  open_set(records.first->id);
  write_record(*records.first, {flow, records.asked});
  if (records.second != nullptr) {
    open_set(records.second->id);
    write_record(*records.second, {flow, false});
  }
  if (fits()) return true;
  restore(savepoint);
  return false;
}

/// Apart as well, for all but two records of the template of the record before them.
[[gnu::noinline]] bool SetEncoder::add_otherwise(const Flow& flow) {
  const FlowRecords records = records_of(layout_, flow);
  const auto [first, second, asked] = records;
  // As a rule all are of the template of the record before them: what they need is known then.
  const bool alike = first->id == set_id_ && (second == nullptr || second->id == set_id_);
  const std::size_t needed = second == nullptr ? first->length : std::size_t{2} * first->length;
  if (alike && needed <= room_in_set()) {
    write_record(*first, {flow, asked});
    if (second != nullptr) write_record(*second, {flow, false});
  } else if ((alike && !first->variable) || !write_in_sets(records, flow)) {
    return false;
  }
  content_.flows += 1;
  content_.data_records += second == nullptr ? 1 : 2;
  count(recorded(layout_.style(), flow), record_times(layout_.style(), flow).end);
  expect_more(flow);
  return true;
}

void SetEncoder::expect_more(const Flow& flow) {
  const Template* const both = template_of_both(layout_, flow);
  if (both == nullptr || both->id != set_id_) return;
  open_place_ = layout_.place_of_both(*both);
  open_template_ = both;
  records_end_ = end_of_set();
}

[[gnu::noinline]] void SetEncoder::note_both(const Flow& flow, std::size_t offset) {
  record_written(offset, {flow.start, flow.end}, *open_template_);
  record_written(offset + open_template_->length, {flow.start, flow.end}, *open_template_);
}

bool SetEncoder::add(const Flow& flow) {
  // As a rule all are of the template of the one before: what they need is known then.
  if (!has_both(flow) || layout_.place_by_kind(flow) != open_place_) return add_otherwise(flow);
  const Template& both = *open_template_;
  const std::size_t offset = writer_.size();
  const std::size_t needed = std::size_t{2} * both.length;
  if (needed > records_end_ - offset) return false;
  both.encode_both(writer_.take(needed), flow, both);
  if (format_.notes_records) note_both(flow, offset);
  content_.flows += 1;
  content_.data_records += 2;
  count({flow.original_counters.packets + flow.reply_counters.packets,
         flow.original_counters.octets + flow.reply_counters.octets},
        flow.end);
  return true;
}

void SetEncoder::note_records(const EncodedFlow& flow, std::size_t offset) {
  record_written(offset, flow.times, *flow.first);
  if (flow.second != nullptr) record_written(offset + flow.first->length, flow.times, *flow.second);
}

std::size_t SetEncoder::add_alike(const EncodedFlows& all, std::size_t first) {
  const std::span<const EncodedFlow> flows = all.flows();
  const Template& layout = *flows[first].first;
  const std::size_t start = all.start_of(first);
  const Savepoint savepoint = save();
  open_set(layout.id);
  if (writer_.overflowed() || flows[first].end - start > room_in_set()) {
    restore(savepoint);
    return 0;
  }
  const std::size_t limit = start + room_in_set();
  Counters sum;
  TimePoint latest = latest_;
  std::uint32_t records = 0;
  std::size_t next = first;
  for (; next < flows.size(); ++next) {
    const EncodedFlow& flow = flows[next];
    // Of one layout, so that templates are the same where they are one.
    const bool alike = flow.first == &layout && (flow.second == nullptr || flow.second == &layout);
    if (flow.end > limit || !alike) break;
    records += flow.second == nullptr ? 1 : 2;
    sum.packets += flow.recorded.packets;
    sum.octets += flow.recorded.octets;
    latest = std::max(latest, flow.times.end);
  }
  const std::size_t octets = all.start_of(next) - start;
  if (format_.notes_records) {
    for (std::size_t i = first; i < next; ++i) {
      note_records(flows[i], writer_.size() + all.start_of(i) - start);
    }
  }
  writer_.octets(all.octets(start, start + octets));
  content_.flows += static_cast<std::uint32_t>(next - first);
  content_.data_records += records;
  count(sum, latest);
  return next - first;
}

bool SetEncoder::add_one(const EncodedFlows& all, std::size_t index) {
  const EncodedFlow& flow = all.flows()[index];
  const Savepoint savepoint = save();
  const auto write = [&](const Template& layout, std::span<const std::byte> octets) {
    open_set(layout.id);
    if (format_.notes_records) record_written(writer_.size(), flow.times, layout);
    writer_.octets(octets);
  };
  write(*flow.first, all.octets(all.start_of(index), flow.first_end));
  if (flow.second != nullptr) write(*flow.second, all.octets(flow.first_end, flow.end));
  if (!fits()) {
    restore(savepoint);
    return false;
  }
  content_.flows += 1;
  content_.data_records += flow.second == nullptr ? 1 : 2;
  count(flow.recorded, flow.times.end);
  return true;
}

std::size_t SetEncoder::add_encoded(const EncodedFlows& all, std::size_t first) {
  std::size_t next = first;
  while (next < all.size()) {
    const bool alike = all.flows()[next].is_all(*all.flows()[next].first);
    const std::size_t added = alike ? add_alike(all, next) : add_one(all, next);
    if (added == 0) break;
    next += added;
  }
  return next - first;
}

WireWriter& SetEncoder::close_message() {
  close_set();
  return writer_;
}

}  // namespace ctflow
