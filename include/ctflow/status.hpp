// SPDX-License-Identifier: GPL-2.0-or-later
// The state of a running ctflowd, as values. The Daemon fills it on request; metrics_text and
// status_json print it, problems.hpp looks for what is wrong.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ctflow/accounting_config.hpp"
#include "ctflow/choices.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/database_status.hpp"
#include "ctflow/flow_filter.hpp"
#include "ctflow/protocol.hpp"
#include "ctflow/source_status.hpp"
#include "ctflow/transport_status.hpp"

namespace ctflow {

/// How long ago something grew last. Nothing: it never did.
using Ago = std::optional<std::chrono::seconds>;

/// Zero where the clock was set back.
template <typename Time>
std::chrono::seconds age_of(Time time, Time now) {
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(now - time),
                  std::chrono::seconds(0));
}

/// How often a second, over the last 1, 10 and 60 seconds.
struct WindowedRates {
  static constexpr std::array<int, 3> kWindows{1, 10, 60};
  std::array<double, 3> per_second{};
};

/// What an output that keeps messages can still keep before it loses the oldest.
struct SpoolRoom {
  std::uint64_t octets = 0;  ///< on disk where it can be used, else in memory
  /// So many flow reports as those that wait; nothing: there were none.
  std::optional<std::uint64_t> flows{};
  /// If it goes on to fill as now; nothing: it does not fill.
  std::optional<std::chrono::seconds> lasts{};
};

/// A certificate of the last TLS connection to a collector.
struct CertificateStatus {
  Certificate certificate;
  std::chrono::seconds left{};  ///< until it expires; below zero: it has
};

/// What only an output to a collector has.
struct CollectorStatus {
  Protocol protocol = Protocol::kIpfix;
  TransportKind transport = TransportKind::kUdp;
  std::uint64_t refusals = 0;  ///< ICMP port unreachable, refused connections
  Ago last_refusal{};
  std::vector<CertificateStatus> certificates{};  ///< with `transport: tls`
};

/// What only a connection log has.
struct ConnectionLogStatus {
  LogDestination to = LogDestination::kFile;
  std::vector<std::string> brokers{};  ///< with `to: kafka`: ADDRESS:PORT of those connected to
};

/// The static maps that a NAT log counts on.
struct NatMapsStatus {
  std::uint64_t entries = 0;
  std::uint64_t followed = 0;           ///< beginnings that were not stored, since the start
  bool current = false;                 ///< false: all is stored until the ruleset has been read
  std::string unreadable{};             ///< why it cannot be read; empty: it can
  std::vector<std::string> left_out{};  ///< maps that do not count, and why
};

/// What only a NAT log has.
struct NatLogStatus {
  std::uint64_t open = 0;   ///< translations that exist
  std::uint64_t holes = 0;  ///< times for which the log is known to be incomplete, since the start
  std::optional<NatMapsStatus> maps{};  ///< nothing: all translations are stored
};

/// What was counted under one key in one direction.
struct UsageSeries {
  std::string key;        ///< as reports have it; of a device: its MAC address or address
  std::string name{};     ///< of a device; empty: it is not known
  std::string direction;  ///< in, out, local, through or self
  std::uint64_t down_octets = 0;
  std::uint64_t up_octets = 0;
  std::uint64_t down_packets = 0;
  std::uint64_t up_packets = 0;
  std::uint64_t connections = 0;
};

/// The same of all keys, since they were first asked for.
struct Usage {
  AccountingKey by = AccountingKey::kHost;
  std::vector<UsageSeries> series{};
};

/// How much of its quota a network or device has used in the billing period that goes on.
struct QuotaStatus {
  AccountingKey by = AccountingKey::kNetwork;
  std::string name;                     ///< of the settings
  std::uint64_t quota = 0;              ///< octets
  std::optional<std::uint64_t> used{};  ///< octets; nothing: the database could not be read yet
};

/// What only accounting has.
struct AccountingStatus {
  std::uint64_t rows = 0;        ///< that wait for the next transaction, in memory
  std::uint64_t merged = 0;      ///< rows that were added to `other`: max_keys was reached
  std::uint64_t failures = 0;    ///< transactions that failed
  std::uint64_t recovered = 0;   ///< octets that an earlier process counted and did not write
  Ago last_commit{};             ///< nothing: there was none
  std::optional<Usage> usage{};  ///< since the start; nothing: there are no metrics
  std::vector<QuotaStatus> quotas{};
};

/// What a kind of output has of its own.
using OutputDetails =
    std::variant<CollectorStatus, ConnectionLogStatus, NatLogStatus, AccountingStatus>;

/// One output: a collector, or another destination of flow reports.
struct OutputStatus {
  std::string_view kind;  ///< one word
  std::string name;
  std::string group{};     ///< empty: it is in none
  std::string peer;        ///< where it goes: address and port, or the name while it has no address
  bool connected = false;  ///< there is a way to it, by what is known without sending
  bool healthy = true;     ///< always true outside of groups
  ExporterCounters counters;
  std::vector<FilteredByRule> filtered_by_rule{};  ///< of counters.filtered; empty: no filter
  LastFailure last_failure{};
  Ago last_failure_age{};
  std::optional<Backlog> backlog{};  ///< of outputs that keep messages
  Ago oldest_waiting{};
  Ago last_loss{};
  Ago last_message{};  ///< since one was sent; nothing: none was
  std::chrono::system_clock::time_point last_message_time{};  ///< the same; zero: none was
  WindowedRates records{};          ///< Flow Records, or lines, that were sent
  std::optional<SpoolRoom> room{};  ///< of outputs that keep messages
  OutputDetails details{};
};

struct GroupStatus {
  std::string name;
  GroupMode mode = GroupMode::kFailover;
  std::string active;  ///< the output that gets the flow reports; empty: they are shared
  std::uint64_t switches = 0;
};

/// The copy of the kernel's routing.
struct RoutingStatus {
  RoutingCounters counters;
  std::size_t routes = 0;
  std::size_t rules = 0;
  std::size_t octets = 0;
};

struct NamespaceStatus {
  std::string name;  ///< empty: the one that ctflowd runs in
  SourceCounters source;
  SourceStatus kernel;
  PipelineCounters pipeline;
  InterfaceCounters interfaces;
  std::optional<RoutingStatus> routing{};
  std::vector<OutputStatus> outputs{};
  std::vector<GroupStatus> groups{};
  std::size_t table_entries = 0;  ///< nf_conntrack_count
  std::size_t table_limit = 0;    ///< nf_conntrack_max; 0: not known
  bool events_off = false;        ///< the kernel sends no events, so ends are not known
  WindowedRates rates{};          ///< of events
  Ago last_overrun{};             ///< events that the kernel dropped
  Ago last_no_counters{};         ///< connections without counters
  Ago last_fall{};                ///< of counters that another program set to zero
};

/// What connections of a network namespace use now.
struct NamespaceUsage {
  std::string name;  ///< empty: the one that ctflowd runs in
  /// A connection that goes on is counted this often; zero: when it ends.
  std::chrono::milliseconds reported_every{0};
  std::optional<Usage> usage{};  ///< nothing: accounting does not count by that key
};

/// A network namespace that is configured, but not open.
struct MissingNamespace {
  std::string name;
  std::string why;
};

struct ReloadStatus {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::chrono::system_clock::time_point last{};  ///< of the last one; zero: there was none
  bool last_succeeded = true;
  std::string last_error{};
};

struct Status {
  std::string version;
  std::string compiler;
  std::chrono::system_clock::time_point started{};
  std::chrono::system_clock::time_point now{};
  ReloadStatus reloads;
  std::vector<NamespaceStatus> namespaces{};
  std::vector<MissingNamespace> missing_namespaces{};
  std::vector<DatabaseStatus> databases{};  ///< of `enrich:`, those that an output asks for
  std::string listen_error{};               ///< why status.listen is not open; empty: no error
};

}  // namespace ctflow
