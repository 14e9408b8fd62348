// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/set_encoder.hpp"

namespace ctflow {

void SetEncoder::begin(std::span<std::byte> buffer) {
  writer_ = WireWriter(buffer);
  writer_.zeros(format_.header_length);
  content_ = {};
  set_id_ = kNoSet;
  set_offset_ = 0;
}

void SetEncoder::open_set(std::uint16_t id) {
  if (set_id_ == id) return;
  close_set();
  set_id_ = id;
  set_offset_ = writer_.size();
  writer_.u16(id);
  writer_.u16(0);  // length: known when the Set is closed
}

void SetEncoder::close_set() {
  if (set_id_ == kNoSet) return;
  const std::size_t excess = (writer_.size() - set_offset_) % format_.alignment;
  if (excess != 0) writer_.zeros(format_.alignment - excess);
  set_id_ = kNoSet;
  if (writer_.overflowed()) return;
  writer_.overwrite_u16(set_offset_ + 2, static_cast<std::uint16_t>(writer_.size() - set_offset_));
}

void SetEncoder::restore(const Savepoint& savepoint) {
  writer_.truncate(savepoint.size);
  set_offset_ = savepoint.set_offset;
  set_id_ = savepoint.set_id;
  discard_records(savepoint.size);
}

bool SetEncoder::fits() {
  const std::size_t size = writer_.size();
  const std::size_t excess = (size - set_offset_) % format_.alignment;
  if (excess != 0) writer_.zeros(format_.alignment - excess);
  const bool ok = !writer_.overflowed();
  if (ok) writer_.truncate(size);
  return ok;
}

bool SetEncoder::add_templates() {
  while (next_template_ < templates_.size()) {
    const Template& layout = templates_[next_template_];
    const Savepoint savepoint = save();
    open_set(format_.template_set_id);
    writer_.u16(layout.id);
    writer_.u16(static_cast<std::uint16_t>(layout.fields.size()));
    for (const Field& field : layout.fields) {
      writer_.u16(field.element);
      writer_.u16(field.length);
    }
    if (!fits()) {
      restore(savepoint);
      return false;
    }
    ++next_template_;
    ++content_.templates;
  }
  return true;
}

bool SetEncoder::add_sampling_options() {
  const Savepoint savepoint = save();
  open_set(format_.options_set_id);
  write_sampling_template(writer_);
  open_set(kSamplingOptionsId);
  write_sampling_record(writer_);
  if (!fits()) {
    restore(savepoint);
    return false;
  }
  ++content_.templates;
  ++content_.option_records;
  return true;
}

void SetEncoder::write_record(const Flow& flow, bool initiator) {
  const Record record{flow, initiator};
  const Template& layout = choose_template(templates_, record);
  open_set(layout.id);
  const std::size_t offset = writer_.size();
  layout.encode(writer_, record);
  record_written(offset, flow, layout);
}

bool SetEncoder::add(const Flow& flow) {
  const Savepoint savepoint = save();
  const bool answered = flow.backward.packets > 0;
  write_record(flow, true);
  if (answered) write_record(flow, false);
  if (!fits()) {
    restore(savepoint);
    return false;
  }
  content_.flows += 1;
  content_.data_records += answered ? 2 : 1;
  content_.packets += flow.forward.packets;
  content_.octets += flow.forward.octets;
  if (answered) {
    content_.packets += flow.backward.packets;
    content_.octets += flow.backward.octets;
  }
  return true;
}

WireWriter& SetEncoder::close_message() {
  close_set();
  return writer_;
}

}  // namespace ctflow
