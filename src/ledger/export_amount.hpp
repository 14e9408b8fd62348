// SPDX-License-Identifier: GPL-2.0-or-later
// Sums of what messages carry.
#pragma once

#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"

namespace ctflow {

/// What one message carries.
inline ExportAmount amount_of(const MessageContent& content) {
  return {1, content.flows, content.data_records, content.packets, content.octets};
}

inline ExportAmount& operator+=(ExportAmount& to, const ExportAmount& more) {
  to.messages += more.messages;
  to.flows += more.flows;
  to.records += more.records;
  to.packets += more.packets;
  to.octets += more.octets;
  return to;
}

inline ExportAmount& operator-=(ExportAmount& from, const ExportAmount& less) {
  from.messages -= less.messages;
  from.flows -= less.flows;
  from.records -= less.records;
  from.packets -= less.packets;
  from.octets -= less.octets;
  return from;
}

}  // namespace ctflow
