// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/encoded_flows.hpp"

namespace ctflow {

EncodedFlows::EncodedFlows(const RecordFormat& format)
    : layout_(format.protocol, format.options), buffer_(kOctets), writer_(buffer_) {
  flows_.reserve(kFlows);
}

bool EncodedFlows::add(const Flow& flow) {
  if (flows_.size() == kFlows) return false;
  const std::size_t start = writer_.size();
  const Template* first = template_of_both(layout_, flow);
  const Template* second = first;
  std::size_t first_end = start;
  if (first != nullptr) {
    std::byte* const room = writer_.claim(std::size_t{2} * first->length);
    if (room != nullptr) first->encode_both(room, flow, *first);
    first_end += first->length;
  } else {
    const FlowRecords records = records_of(layout_, flow);
    first = records.first;
    second = records.second;
    first->encode(writer_, {flow, records.asked}, *first);
    first_end = writer_.size();
    if (second != nullptr) second->encode(writer_, {flow, false}, *second);
  }
  if (writer_.overflowed()) {
    writer_.truncate(start);
    return false;
  }
  flows_.push_back({first, second, first_end, writer_.size(), recorded(layout_.style(), flow),
                    record_times(layout_.style(), flow)});
  return true;
}

}  // namespace ctflow
