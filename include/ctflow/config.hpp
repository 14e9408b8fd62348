// SPDX-License-Identifier: GPL-2.0-or-later
// The whole configuration as values. Every default is here and nowhere else;
// config/ctflowd.yaml documents them and a test compares the two.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/accounting_config.hpp"
#include "ctflow/choices.hpp"
#include "ctflow/config_error.hpp"
#include "ctflow/connection_match.hpp"
#include "ctflow/default_paths.hpp"
#include "ctflow/enrich_config.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/log_level.hpp"
#include "ctflow/network.hpp"
#include "ctflow/protocol.hpp"

namespace ctflow {

/// With `transport: tls`. Files in PEM.
struct TlsConfig {
  std::string server_name{};  ///< the certificate must be for it; empty: for the address
  std::string ca_file{};      ///< who may have signed the certificate; empty: the system's store
  std::string certificate{};  ///< our own, with those of its issuers, if the collector asks for one
  std::string key{};          ///< its private key

  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

/// With `transport: tcp` and `tls`: where messages wait for a connection.
struct SpoolConfig {
  std::size_t memory = std::size_t{4} << 20;    ///< octets, at most
  std::string directory{};                      ///< empty: memory only
  std::uint64_t size = std::uint64_t{1} << 30;  ///< octets on disk, at most
  std::chrono::milliseconds max_age{0};         ///< what waited longer is lost; 0: no limit
  std::uint64_t rate = 0;  ///< octets per second while what waited is sent; 0: no limit

  friend bool operator==(const SpoolConfig&, const SpoolConfig&) = default;
};

/// With `transport: file`.
struct FileConfig {
  std::string directory{};
  std::string name = "ctflowd-%Y%m%dT%H%M%SZ.ipfix";  ///< strftime(3), UTC
  std::uint64_t size = std::uint64_t{100} << 20;      ///< octets of a file, at most
  std::chrono::milliseconds interval{300'000};        ///< a file ends when this wall time is over

  friend bool operator==(const FileConfig&, const FileConfig&) = default;
};

/// One collector: an Exporting Process of its own, with its own session, templates and sequence.
struct CollectorConfig {
  static constexpr std::uint32_t kTemplateMessages = 20;
  static constexpr std::chrono::seconds kTemplatePause{1};

  std::string name;        ///< unique among the collectors; appears in logs and counters
  std::string address;     ///< IPv4, IPv6 (brackets allowed) or host name; not for files
  std::uint16_t port = 0;  ///< 1..65535; not for files
  Protocol protocol = Protocol::kIpfix;
  std::string source_address;  ///< numeric address to send from; empty: the kernel chooses
  std::string bind_device;     ///< interface or VRF device to send through; empty: none
  std::uint8_t dscp = 0;       ///< DiffServ code point of our datagrams, 0..63
  /// Observation Domain ID or Source ID; nothing: derived from the machine-id.
  std::optional<std::uint32_t> observation_domain;
  std::size_t max_message_size = 1400;                  ///< octets of payload, 512..65507
  std::chrono::milliseconds flush_after{1000};          ///< longest wait of a partly filled message
  std::chrono::milliseconds template_interval{60'000};  ///< templates are repeated after this time
  /// … and after this many messages; nothing: after kTemplateMessages, but from the
  /// second repetition on not before kTemplatePause is over.
  std::optional<std::uint32_t> template_messages;
  bool sampling_options = true;    ///< export that 1 of 1 packets is counted
  bool statistics_options = true;  ///< export what was sent and lost, with later options
  std::chrono::milliseconds options_interval{300'000};  ///< options are repeated after this time
  std::chrono::milliseconds resolve_interval{300'000};  ///< a host name is looked up again
  Profile profile = Profile::kDefault;
  /// Names of the Information Elements to export, instead of a profile; empty: the profile's.
  std::vector<std::string> elements{};
  /// IANA's Private Enterprise Number that ctflowd's own elements among them have; 0: none.
  std::uint32_t enterprise_number = 0;
  bool next_hop = false;  ///< export the next hop and the prefix lengths of source and destination
  bool zones = false;     ///< export conntrack zones as ingressVRFID and egressVRFID
  /// Where they are measured: export minimum and maximum TTL and packet length.
  bool packet_properties = false;
  bool interface_names = false;  ///< export the names of the interfaces in options records
  TransportKind transport = TransportKind::kUdp;
  TlsConfig tls{};
  SpoolConfig spool{};
  FileConfig file{};
  std::vector<FilterRule> filter{};  ///< which flow reports it gets; empty: all

  friend bool operator==(const CollectorConfig&, const CollectorConfig&) = default;
};

/// Collectors that share the flows. A collector outside of any group gets all.
struct GroupConfig {
  std::string name;  ///< unique among the groups
  GroupMode mode = GroupMode::kFailover;
  std::vector<std::string> collectors{};  ///< names, at least two; the preferred one first
  /// A collector that failed is used again when nothing failed for so long.
  std::chrono::milliseconds failback_after{30'000};
  std::vector<FilterRule> filter{};  ///< that of each of its collectors

  friend bool operator==(const GroupConfig&, const GroupConfig&) = default;
};

/// A network namespace whose connections are exported, with an Observation Domain of its own.
struct NamespaceConfig {
  std::string name;    ///< unique among the namespaces
  std::string file{};  ///< what stands for it; empty: /run/netns/NAME
  std::optional<std::uint32_t> observation_domain{};
  std::vector<std::uint64_t> zones{};  ///< only connections of these conntrack zones; empty: all

  friend bool operator==(const NamespaceConfig&, const NamespaceConfig&) = default;
};

/// With `to: postgresql` (docs/postgresql.md).
struct PostgresqlConfig {
  std::string connection{};           ///< for libpq, without a password; required
  std::string table = "connections";  ///< may have a schema before it
  std::chrono::days retention{0};     ///< a day's rows are removed so long after it; required

  friend bool operator==(const PostgresqlConfig&, const PostgresqlConfig&) = default;
};

/// With `to: file`: when ctflowd itself begins a new file. Neither: logrotate does.
struct RotationConfig {
  std::uint64_t size = 0;                 ///< octets of a file, about; 0: any
  std::chrono::milliseconds interval{0};  ///< a file ends when this wall time is over; 0: never
  std::uint32_t keep = 0;                 ///< older files beyond this many are removed; 0: none

  friend bool operator==(const RotationConfig&, const RotationConfig&) = default;
};

/// One log of connections: lines of JSON (docs/connection-log.md) or rows of a database.
struct ConnectionLogConfig {
  std::string name;  ///< unique among logs and collectors
  LogDestination to = LogDestination::kFile;
  std::string path{};                           ///< of the file, or of the unix socket
  std::string address{};                        ///< with `to: tcp`, as that of a collector
  std::uint16_t port = 0;                       ///< with `to: tcp`
  std::chrono::milliseconds flush_after{1000};  ///< longest wait of a line for others
  /// Octets that wait for a file, stdout, Kafka or a database, at most.
  std::size_t buffer = std::size_t{4} << 20;
  // With `to: kafka`.
  std::vector<std::string> brokers{};  ///< HOST:PORT; they name the others of their cluster
  std::string topic{};
  std::map<std::string, std::string> settings{};  ///< librdkafka's properties
  RotationConfig rotate{};
  SpoolConfig spool{};  ///< with `to: unix`, `tcp` and `kafka` (directory, size, max_age)
  PostgresqlConfig postgresql{};
  bool mac_addresses = false;        ///< lines have those of hosts; not with `to: postgresql`
  bool network_origins = false;      ///< … AS numbers and countries of both ends; likewise
  std::vector<FilterRule> filter{};  ///< which flow reports have a line; empty: all
  /// Of the network namespace whose connections they are; not settings of their own.
  std::string network_namespace{};
  std::uint32_t observation_domain = 0;

  friend bool operator==(const ConnectionLogConfig&, const ConnectionLogConfig&) = default;
};

/// The log of translations (docs/nat-log.md). Off without a retention.
struct NatLogConfig {
  std::string directory = "/var/lib/ctflowd/nat";
  std::chrono::days retention{0};  ///< a day's file is removed so long after its day; required
  bool destination = false;        ///< also log whom a translated connection was with
  NatLogRows log = NatLogRows::kAll;
  /// A transaction is committed this often.
  std::chrono::milliseconds commit_interval{5000};
  std::uint32_t queue = 65536;  ///< beginnings and ends that wait for the disk, 96 octets each
  /// Of the network namespace whose translations they are; not a setting of its own.
  std::string network_namespace{};

  [[nodiscard]] bool enabled() const { return retention.count() > 0; }

  friend bool operator==(const NatLogConfig&, const NatLogConfig&) = default;
};

/// How events are read from the kernel.
struct SourceConfig {
  std::size_t receive_buffer = std::size_t{128} << 20;  ///< octets; about 1.2 kB hold one event
  /// The buffer grows up to this when it was half full, octets; never smaller than it begins.
  std::size_t receive_buffer_limit = std::size_t{128} << 20;
  Delivery delivery = Delivery::kBestEffort;
  /// Pause between the first waiting event and reading, so that events are read in batches.
  std::chrono::milliseconds batch_delay{2};
  /// A connection is reported at least this often; 0: only at its end.
  std::chrono::milliseconds active_timeout{60'000};
  /// What connections counted before the start.
  ExistingConnections existing = ExistingConnections::kExport;
  /// What was reported is kept here for a restart. Empty: nowhere; nothing: `state` in the runtime
  /// directory, if there is one.
  std::optional<std::string> state_file{};
  /// Behind the name of the state file: each namespace has its own. Not a setting of its own.
  std::string state_suffix{};
  bool report_at_stop = false;  ///< report every connection in the table when the daemon stops
  Measure measure = Measure::kAuto;
  bool wire_counters = true;  ///< where they are measured: count packets as they were on the wire
  /// Those of NamespaceConfig; not a setting of its own.
  std::vector<std::uint64_t> zones{};
  /// Reported connections at most, 64 octets each.
  std::size_t max_reported_connections = std::size_t{1} << 20;
  OwnTraffic own_traffic = OwnTraffic::kExclude;
  FilterConfig filter{};

  friend bool operator==(const SourceConfig&, const SourceConfig&) = default;
};

/// Interfaces of the connections of one conntrack zone.
struct ZoneInterfaces {
  std::uint16_t zone = 0;
  std::string vrf{};          ///< name of the VRF device whose routes they take; empty: not known
  std::uint32_t ingress = 0;  ///< ifIndex of the initiator's side, 0 = unknown
  std::uint32_t egress = 0;   ///< ifIndex of the responder's side, 0 = unknown

  friend bool operator==(const ZoneInterfaces&, const ZoneInterfaces&) = default;
};

/// The same by the connection's mark: those with `(mark & mask) == mark of this entry`.
struct MarkInterfaces {
  std::uint32_t mark = 0;
  std::uint32_t mask = 0xffff'ffff;
  std::string vrf{};
  std::uint32_t ingress = 0;
  std::uint32_t egress = 0;

  friend bool operator==(const MarkInterfaces&, const MarkInterfaces&) = default;
};

/// Where ingressInterface and egressInterface come from.
struct InterfacesConfig {
  /// Constants of the initiator's record (the responder's has them swapped), where nothing better
  /// is known: ifIndex, 0 = unknown.
  std::uint32_t ingress = 0;
  std::uint32_t egress = 0;
  InterfaceLookup lookup = InterfaceLookup::kRoutes;
  std::vector<ZoneInterfaces> by_zone{};
  std::vector<MarkInterfaces> by_mark{};  ///< the first that fits; before by_zone

  friend bool operator==(const InterfacesConfig&, const InterfacesConfig&) = default;
};

/// Where a running ctflowd answers for its status.
struct StatusConfig {
  std::string socket = kStatusSocket;  ///< unix socket; empty: none
  std::string listen{};                ///< TCP: ADDRESS:PORT or [IPv6 ADDRESS]:PORT; empty: none
  /// Names that requests at `listen` may be for, beside numeric addresses and localhost.
  std::vector<std::string> hosts{};
  bool page = true;  ///< with `listen`: a page for people, at /

  friend bool operator==(const StatusConfig&, const StatusConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

/// What is read at the start only. A reload reports changes of it and keeps the values in use.
struct SealedConfig {
  std::vector<NamespaceConfig> namespaces{};  ///< none: only the one that we run in
  Threads threads = Threads::kOne;
  SourceConfig source{};
  StatusConfig status{};
  NatLogConfig nat_log{};
  std::string user{};  ///< whom root becomes at start; empty: root stays root

  friend bool operator==(const SealedConfig&, const SealedConfig&) = default;
};

/// What a reload replaces as a whole.
struct ReloadableConfig {
  std::vector<CollectorConfig> collectors{};  ///< at least one, or a log or accounting
  std::vector<GroupConfig> groups{};
  std::vector<ConnectionLogConfig> log_connections{};
  AccountingConfig accounting{};
  InterfacesConfig interfaces{};
  EnrichConfig enrich{};
  LogConfig log{};

  friend bool operator==(const ReloadableConfig&, const ReloadableConfig&) = default;
};

/// To which of the two a setting belongs decides what a reload does with it: the list of settings
/// that need a restart is made from the member pointers of config/settings.cpp.
struct Config : SealedConfig, ReloadableConfig {
  friend bool operator==(const Config&, const Config&) = default;
};

/// Reads and checks a whole file. Throws ConfigError, nothing else that a file can cause.
Config load_config(const std::string& file_name);

/// The same from memory; `name` stands for the file in messages.
Config parse_config(const std::string& text, const std::string& name);

}  // namespace ctflow
