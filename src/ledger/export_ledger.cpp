// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger/export_ledger.hpp"

namespace ctflow {

void ExportLedger::leave_out(const FilteredAmount& amount) {
  counters_.offered += amount.flows;
  counters_.filtered += amount.flows;
  counters_.filtered_packets += amount.packets;
  counters_.filtered_octets += amount.octets;
}

void ExportLedger::unrepresentable(const FilteredAmount& amount) {
  counters_.offered += amount.flows;
  counters_.unrepresentable += amount.flows;
  counters_.unrepresentable_packets += amount.packets;
  counters_.unrepresentable_octets += amount.octets;
}

void ExportLedger::sent(const MessageContent& content, std::size_t octets) {
  ++counters_.messages;
  counters_.message_octets += octets;
  counters_.flows += content.flows;
  counters_.records += content.data_records;
  counters_.packets += content.packets;
  counters_.octets += content.octets;
  counters_.templates += content.templates;
  counters_.option_records += content.option_records;
}

void ExportLedger::lost(LossReason reason, const MessageContent& content) {
  lose(reason, amount_of(content));
}

void ExportLedger::sent_after_wait(const MessageContent& content, std::size_t octets) {
  counters_.waiting -= amount_of(content);
  sent(content, octets);
}

void ExportLedger::sent_after_wait(const ExportAmount& amount) {
  counters_.waiting -= amount;
  counters_.messages += amount.messages;
  counters_.flows += amount.flows;
  counters_.records += amount.records;
  counters_.packets += amount.packets;
  counters_.octets += amount.octets;
}

void ExportLedger::lost_after_wait(LossReason reason, const ExportAmount& amount) {
  counters_.waiting -= amount;
  lose(reason, amount);
}

void ExportLedger::recovered(const ExportAmount& amount) {
  counters_.recovered += amount;
  counters_.waiting += amount;
}

void ExportLedger::resent(const ExportAmount& amount) { counters_.resent += amount; }

void ExportLedger::lose(LossReason reason, const ExportAmount& amount) {
  counters_.lost_messages += amount.messages;
  counters_.lost_records += amount.records;
  counters_.lost_packets += amount.packets;
  counters_.lost_octets += amount.octets;
  switch (reason) {
    case LossReason::kWouldBlock:
      counters_.lost_would_block += amount.flows;
      break;
    case LossReason::kUnresolved:
      counters_.lost_unresolved += amount.flows;
      break;
    case LossReason::kSendError:
      counters_.lost_send_error += amount.flows;
      break;
    case LossReason::kSpoolFull:
      counters_.lost_spool_full += amount;
      break;
    case LossReason::kSpoolAge:
      counters_.lost_spool_age += amount;
      break;
    case LossReason::kSpoolDamaged:
      counters_.lost_spool_damaged += amount;
      break;
    case LossReason::kStopped:
      counters_.lost_stopped += amount;
      break;
    case LossReason::kWriteError:
      counters_.lost_write_error += amount;
      break;
    case LossReason::kUncertain:
      counters_.lost_uncertain += amount;
      break;
  }
}

}  // namespace ctflow
