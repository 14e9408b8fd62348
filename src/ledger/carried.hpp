// SPDX-License-Identifier: GPL-2.0-or-later
// Moves messages from one line of the ledger to another.
#pragma once

#include <cstddef>

#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"

namespace ctflow {

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

/// Enters a message of `length` octets that left this host.
inline void count_sent(ExporterCounters& ledger, const MessageContent& content,
                       std::size_t length) {
  ++ledger.messages;
  ledger.message_octets += length;
  ledger.flows += content.flows;
  ledger.records += content.data_records;
  ledger.packets += content.packets;
  ledger.octets += content.octets;
  ledger.templates += content.templates;
  ledger.option_records += content.option_records;
}

/// Enters what was lost, for a reason that is one of the ledger's own.
inline void count_lost(ExporterCounters& ledger, ExportAmount& reason, const ExportAmount& lost) {
  reason += lost;
  ledger.lost_messages += lost.messages;
  ledger.lost_records += lost.records;
  ledger.lost_packets += lost.packets;
  ledger.lost_octets += lost.octets;
}

}  // namespace ctflow
