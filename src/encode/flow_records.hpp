// SPDX-License-Identifier: GPL-2.0-or-later
// Which Flow Records a flow report has, and what of it they carry.
#pragma once

#include <cstddef>
#include <cstdint>

#include "encode/layout.hpp"

namespace ctflow {

/// One or two records, that of the initiator first.
struct FlowRecords {
  const Template* first;
  const Template* second;  ///< of the responder; null: there is one record
  bool asked;              ///< the first is of the initiator
};

/// A direction in which nothing came has no record; one of the two there is always.
inline FlowRecords records_of(const Layout& layout, const Flow& flow) {
  const Template* const initiator = &layout.choose({flow, true});
  const bool mirrored = layout.style() == RecordStyle::kMirrored;
  if (!mirrored || flow.reply_counters.packets == 0) return {initiator, nullptr, true};
  const Template* const responder = translated(flow) ? &layout.choose({flow, false}) : initiator;
  if (flow.original_counters.packets == 0) return {responder, nullptr, false};
  return {initiator, responder, true};
}

/// Whether both sides have a record, and nothing is translated.
inline bool has_both(const Flow& flow) {
  return !translated(flow) && flow.original_counters.packets != 0 &&
         flow.reply_counters.packets != 0;
}

/// The template of both records of a flow report that was answered and is not translated, the usual
/// one. Null: records_of() says which there are.
inline const Template* template_of_both(const Layout& layout, const Flow& flow) {
  const bool both = layout.style() == RecordStyle::kMirrored && has_both(flow);
  const Template* const chosen = both ? &layout.choose({flow, true}) : nullptr;
  return chosen != nullptr && chosen->encode_both != nullptr ? chosen : nullptr;
}

/// Sums of packetDeltaCount and octetDeltaCount of the records.
inline Counters recorded(RecordStyle style, const Flow& flow) {
  if (style == RecordStyle::kNatEvent) return {};
  Counters sum{flow.original_counters.packets + flow.reply_counters.packets, 0};
  // Octets without a packet, which no kernel counts, are in no record of their own.
  if (flow.original_counters.packets > 0 || flow.reply_counters.packets == 0)
    sum.octets += flow.original_counters.octets;
  if (flow.reply_counters.packets > 0) sum.octets += flow.reply_counters.octets;
  return sum;
}

/// What the times of the records say.
struct RecordTimes {
  TimePoint start;
  TimePoint end;
};

inline RecordTimes record_times(RecordStyle style, const Flow& flow) {
  if (style == RecordStyle::kNatEvent) return {happened_at(flow), happened_at(flow)};
  return {flow.start, flow.end};
}

}  // namespace ctflow
