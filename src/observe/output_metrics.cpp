// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/output_metrics.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "findings/certificate_expiry.hpp"
#include "observe/collector_problems.hpp"
#include "observe/counter_metrics.hpp"
#include "observe/counter_names.hpp"

namespace ctflow {
namespace {

/// Lost flow reports by reason; what waits, was recovered and sent twice in all terms.
void add_amounts(Families& families, const ExporterCounters& counters, const Split& losses,
                 const std::string& prefix, const Labels& labels) {
  for (const AmountName& one : kExporterAmounts) {
    const ExportAmount& amount = counters.*one.member;
    const std::string_view name = one.name;
    if (applies(losses, name)) {
      families.counter(losses.family, losses.help, amount.flows,
                       with(labels, losses.label, label_of(losses, name)));
      continue;
    }
    for (const auto& part : kAmountCounters) {
      const std::string family = fmt::format("{}{}_{}", prefix, name, in_bytes(part.name));
      const std::string help = fmt::format("{}: {}", one.help, part.help);
      const std::uint64_t value = amount.*part.member;
      if (name == "waiting" || name == "unrecorded") {
        families.gauge(family, help, value, labels);
      } else {
        families.counter(family + "_total", help, value, labels);
      }
    }
  }
}

/// What filters left out, by rule: counters of the ledger have the sums.
void add_filtered(Families& families, const std::string& prefix, const OutputStatus& one,
                  const Labels& labels) {
  for (const FilteredByRule& rule : one.filtered_by_rule) {
    const Labels of_rule = with(labels, "rule", rule.rule);
    families.counter(prefix + "rule_filtered_total",
                     "Flow reports that a rule of the filter left out", rule.amount.flows, of_rule);
    families.counter(prefix + "rule_filtered_packets_total",
                     "Packets that a rule of the filter left out", rule.amount.packets, of_rule);
    families.counter(prefix + "rule_filtered_bytes_total",
                     "Octets that a rule of the filter left out", rule.amount.octets, of_rule);
  }
}

void add_backlog(Families& families, const std::string& prefix, const OutputStatus& one,
                 const Labels& labels) {
  const Backlog& backlog = *one.backlog;
  const Labels in_memory = with(labels, "where", "memory");
  const Labels on_disk = with(labels, "where", "disk");
  const char* used = "Bytes of waiting messages, those not acknowledged yet included";
  families.gauge(prefix + "spool_bytes", used, backlog.memory, in_memory);
  families.gauge(prefix + "spool_bytes", used, backlog.disk, on_disk);
  const char* limit =
      "spool.memory (buffer of a connection log) and spool.size; 0 without spool.directory";
  families.gauge(prefix + "spool_limit_bytes", limit, backlog.memory_limit, in_memory);
  families.gauge(prefix + "spool_limit_bytes", limit, backlog.disk_limit, on_disk);
  families.gauge(prefix + "oldest_waiting_seconds",
                 "Age of the oldest waiting message, 0 if none waits",
                 one.oldest_waiting ? one.oldest_waiting->count() : 0, labels);
}

/// What every kind of output has.
void add_ledger(Families& families, const std::string& prefix, const OutputStatus& one,
                const Labels& labels) {
  const Split losses{"lost_",
                     prefix + "lost_total",
                     "Flow reports or NAT events that could not be sent or written",
                     "reason",
                     {"lost_messages", "lost_records", "lost_packets", "lost_octets"}};
  add_counters(families, prefix, one.counters, kExporterCounters, {losses}, labels);
  add_amounts(families, one.counters, losses, prefix, labels);
  add_filtered(families, prefix, one, labels);
  if (one.backlog) add_backlog(families, prefix, one, labels);
  if (!one.last_message) return;  // an alert on its age would begin in 1970
  families.gauge(prefix + "last_message_timestamp_seconds", "When a message was sent last",
                 epoch_seconds(one.last_message_time), labels);
}

void add_up(Families& families, const OutputStatus& one, const Labels& labels) {
  families.gauge(fmt::format("ctflowd_{}_up", one.kind),
                 "1 if it can be written to, by the last attempt", one.connected ? 1 : 0, labels);
}

/// The key is a label of its own name; of devices it is the MAC address, and the name is a label of
/// another metric, as it may change.
void add_usage(Families& families, const Usage& usage, const Labels& of_namespace) {
  const std::string prefix = "ctflowd_accounting_";
  const char* const by = word_of(usage.by);
  std::map<std::string, std::string> names;
  for (const UsageSeries& one : usage.series) {
    Labels labels = of_namespace;
    if (usage.by != AccountingKey::kDirection) labels.push_back({by, one.key});
    labels.push_back({"direction", one.direction});
    families.counter(prefix + "down_bytes_total", "Octets of layer 3 to hosts", one.down_octets,
                     labels);
    families.counter(prefix + "up_bytes_total", "Octets of layer 3 from hosts", one.up_octets,
                     labels);
    families.counter(prefix + "down_packets_total", "Packets to hosts", one.down_packets, labels);
    families.counter(prefix + "up_packets_total", "Packets from hosts", one.up_packets, labels);
    families.counter(prefix + "connections_total", "Connections, by their first report",
                     one.connections, labels);
    if (!one.name.empty()) names[one.key] = one.name;
  }
  for (const auto& [key, name] : names) {
    families.gauge(prefix + "device_info", "1, labelled with the name of a device", 1,
                   with(with(of_namespace, "device", key), "name", name));
  }
}

void add_quotas(Families& families, const std::vector<QuotaStatus>& quotas,
                const Labels& of_namespace) {
  for (const QuotaStatus& one : quotas) {
    const Labels labels = with(with(of_namespace, "by", word_of(one.by)), "name", one.name);
    families.gauge("ctflowd_accounting_quota_bytes", "Octets that a billing period may have",
                   one.quota, labels);
    if (!one.used) continue;  // an alert would take 0 for what was used
    families.gauge("ctflowd_accounting_quota_used_bytes",
                   "Octets from and to outside in the billing period that goes on", *one.used,
                   labels);
  }
}

// What a kind has of its own.

void add_own(Families& families, const OutputStatus& one, const CollectorStatus& collector,
             const Labels& labels) {
  families.counter("ctflowd_collector_refusals_total",
                   "Answers of the collector's host that the port is closed", collector.refusals,
                   labels);
  families.gauge("ctflowd_collector_healthy",
                 "1 if the collector is used, 0 if its group passes it over", one.healthy ? 1 : 0,
                 labels);
  for (const CertificateStatus& each : collector.certificates) {
    families.gauge("ctflowd_collector_certificate_expiry_timestamp_seconds",
                   "When the first certificate of that end of the TLS connection expires",
                   epoch_seconds(each.certificate.expires),
                   with(labels, "certificate", name_of(each.certificate.owner)));
  }
  const CollectorState now = state_of(one);
  for (const auto state :
       {CollectorState::kOk, CollectorState::kUnresolved, CollectorState::kUnreachable,
        CollectorState::kRefused, CollectorState::kLossy}) {
    families.gauge("ctflowd_collector_state", "1 for the current state of the collector",
                   now == state ? 1 : 0, with(labels, "state", name_of(state)));
  }
}

void add_own(Families& families, const OutputStatus& one, const ConnectionLogStatus& /*log*/,
             const Labels& labels) {
  add_up(families, one, labels);
}

void add_own(Families& families, const OutputStatus& one, const NatLogStatus& log,
             const Labels& labels) {
  add_up(families, one, labels);
  families.gauge("ctflowd_nat_log_open_translations", "Translations that exist now", log.open,
                 labels);
  families.counter("ctflowd_nat_log_holes_total",
                   "Times for which the NAT log is known to be incomplete", log.holes, labels);
  if (!log.maps) return;
  families.counter("ctflowd_nat_log_followed_map_total",
                   "Translations that are not stored because they follow a static map",
                   log.maps->followed, labels);
  families.gauge("ctflowd_nat_log_map_entries", "Entries of the static maps that count",
                 log.maps->entries, labels);
  families.gauge("ctflowd_nat_log_maps_current",
                 "0 while all is stored, because the ruleset has not been read",
                 log.maps->current ? 1 : 0, labels);
}

void add_own(Families& families, const OutputStatus& one, const AccountingStatus& accounting,
             const Labels& labels) {
  add_up(families, one, labels);
  families.gauge("ctflowd_accounting_waiting_rows", "Rows that wait for the next transaction",
                 accounting.rows, labels);
  families.counter("ctflowd_accounting_merged_rows_total",
                   "Rows that were added to `other` because max_keys was reached",
                   accounting.merged, labels);
  families.counter("ctflowd_accounting_failed_transactions_total", "Transactions that failed",
                   accounting.failures, labels);
  families.counter("ctflowd_accounting_uncounted_bytes_total",
                   "Octets that a killed process had counted, entered under no key",
                   accounting.recovered, labels);
  if (accounting.usage) add_usage(families, *accounting.usage, labels);
  add_quotas(families, accounting.quotas, labels);
}

/// By which metrics of this kind have the output's name. Null: there is one at most.
const char* name_label(const CollectorStatus& /*own*/) { return "collector"; }
const char* name_label(const ConnectionLogStatus& /*own*/) { return "log"; }
const char* name_label(const NatLogStatus& /*own*/) { return nullptr; }
const char* name_label(const AccountingStatus& /*own*/) { return nullptr; }

}  // namespace

void add_output(Families& families, const OutputStatus& one, const Labels& of_namespace) {
  Labels labels = of_namespace;  // and the name, of a kind that there may be several of
  const char* const label =
      std::visit([](const auto& own) { return name_label(own); }, one.details);
  if (label != nullptr) labels.push_back({label, one.name});
  add_ledger(families, fmt::format("ctflowd_{}_", one.kind), one, labels);
  std::visit([&](const auto& details) { add_own(families, one, details, labels); }, one.details);
}

}  // namespace ctflow
