// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of accounting (docs/accounting.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/network.hpp"

namespace ctflow {

/// By what an aggregate tells traffic apart. Each is a column of its rows.
enum class AccountingKey : std::uint8_t {
  kHost,             ///< the inside address, behind NAT the one before translation
  kNetwork,          ///< of `networks`: that of the host
  kInterface,        ///< on the side of the host
  kRemoteInterface,  ///< on the other side
  kZone,
  kMark,
  kProtocol,
  kService,        ///< of `services`: by protocol and the responder's port
  kRemoteNetwork,  ///< of `networks`: that of the other end
  kDirection,      ///< every row has it, named or not
};

/// What is counted together under a name.
struct AggregateConfig {
  std::string name;  ///< unique among the aggregates
  std::vector<AccountingKey> by{};
  std::uint64_t max_keys = 10'000;  ///< rows of an interval, at most; the others are one row

  friend bool operator==(const AggregateConfig&, const AggregateConfig&) = default;
};

/// Networks under one name. The longest prefix of all names decides.
struct NamedNetworks {
  std::string name;
  std::vector<Network> networks{};

  friend bool operator==(const NamedNetworks&, const NamedNetworks&) = default;
};

struct ServicePort {
  std::uint8_t protocol = 0;  ///< IANA protocol number
  std::uint16_t port = 0;

  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

/// Ports under one name.
struct NamedService {
  std::string name;
  std::vector<ServicePort> ports{};

  friend bool operator==(const NamedService&, const NamedService&) = default;
};

/// When billing periods begin, at the beginning of a day of the time zone.
struct PeriodConfig {
  /// Of each month: 1 to 31, or -1 to -31 from its end. In a month without it: the nearest it has.
  int day = 1;
  /// Not zero: every so many days from `first` on, instead.
  std::chrono::days every{0};
  std::chrono::sys_days first{};

  friend bool operator==(const PeriodConfig&, const PeriodConfig&) = default;
};

/// How long the rows of each level are kept.
struct AccountingRetention {
  std::chrono::milliseconds minutes{std::chrono::hours(48)};
  std::chrono::days hours{35};
  std::chrono::days days{800};
  std::chrono::days periods{3650};

  friend bool operator==(const AccountingRetention&, const AccountingRetention&) = default;
};

/// Off without an aggregate.
struct AccountingConfig {
  std::string database = "/var/lib/ctflowd/accounting/accounting.sqlite";
  std::chrono::milliseconds commit_interval{60'000};  ///< a transaction is committed this often
  /// Where days and periods are cut: a name of the zone database, or a rule as of POSIX's TZ.
  /// Empty: that of the system.
  std::string time_zone{};
  AccountingRetention retention{};
  PeriodConfig period{};
  /// What is inside. Empty: the networks of interfaces without a default route.
  std::vector<Network> inside{};
  std::vector<NamedNetworks> networks{};
  std::vector<NamedService> services{};  ///< empty: those of docs/accounting.md
  std::vector<AggregateConfig> aggregates{};
  /// Of the network namespace whose connections they are; not a setting of its own.
  std::string network_namespace{};

  [[nodiscard]] bool enabled() const { return !aggregates.empty(); }

  friend bool operator==(const AccountingConfig&, const AccountingConfig&) = default;
};

}  // namespace ctflow
