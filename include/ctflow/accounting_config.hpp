// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of accounting (docs/accounting.md).
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
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
  kDevice,         ///< MAC address of the host, or its address where no neighbour has it
  kAsn,            ///< AS number of the other end
  kCountry,        ///< country of the other end
  kDirection,      ///< every row has it, named or not
};

struct AccountingKeyWord {
  AccountingKey key;
  const char* word;
};

/// What a key is called in settings, in the database and in reports; in the order of the values.
inline constexpr std::array<AccountingKeyWord, 13> kAccountingKeyWords{
    {{AccountingKey::kHost, "host"},
     {AccountingKey::kNetwork, "network"},
     {AccountingKey::kInterface, "interface"},
     {AccountingKey::kRemoteInterface, "remote_interface"},
     {AccountingKey::kZone, "zone"},
     {AccountingKey::kMark, "mark"},
     {AccountingKey::kProtocol, "protocol"},
     {AccountingKey::kService, "service"},
     {AccountingKey::kRemoteNetwork, "remote_network"},
     {AccountingKey::kDevice, "device"},
     {AccountingKey::kAsn, "asn"},
     {AccountingKey::kCountry, "country"},
     {AccountingKey::kDirection, "direction"}}};

inline const char* word_of(AccountingKey key) {
  return kAccountingKeyWords.at(static_cast<std::size_t>(key)).word;
}

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
  std::uint64_t quota = 0;  ///< octets of a billing period, 0 = none

  friend bool operator==(const NamedNetworks&, const NamedNetworks&) = default;
};

/// MAC addresses (48 bits, the first octet highest) under one name: one device.
struct NamedDevice {
  std::string name;
  std::vector<std::uint64_t> addresses{};
  std::uint64_t quota = 0;  ///< octets of a billing period, 0 = none

  friend bool operator==(const NamedDevice&, const NamedDevice&) = default;
};

/// Counters for /metrics.
struct AccountingMetrics {
  std::optional<AccountingKey> by{};  ///< nothing: there are none
  std::uint32_t limit = 100;          ///< keys with counters of their own, at most

  friend bool operator==(const AccountingMetrics&, const AccountingMetrics&) = default;
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
  std::string networks_file{};                    ///< more of them; empty: none
  std::vector<NamedNetworks> networks_in_file{};  ///< what it had when the settings were read
  std::vector<NamedDevice> devices{};
  /// Files with names of devices: of ethers(5), dnsmasq or odhcpd. The first one that has a device
  /// names it, after `devices`.
  std::vector<std::string> device_files{"/etc/ethers", "/var/lib/misc/dnsmasq.leases",
                                        "/tmp/dhcp.leases", "/tmp/odhcpd.leases",
                                        "/tmp/hosts/odhcpd"};
  AccountingMetrics metrics{};
  std::vector<NamedService> services{};
  std::string services_file{};                   ///< more of them; empty: none
  std::vector<NamedService> services_in_file{};  ///< what it had when the settings were read
  std::vector<AggregateConfig> aggregates{};
  /// Of the network namespace whose connections they are; not a setting of its own.
  std::string network_namespace{};

  [[nodiscard]] bool enabled() const { return !aggregates.empty(); }

  /// Whether an aggregate or the metrics have this key.
  [[nodiscard]] bool counts_by(AccountingKey key) const {
    const auto has = [key](const AggregateConfig& one) {
      return std::find(one.by.begin(), one.by.end(), key) != one.by.end();
    };
    return metrics.by == key || std::any_of(aggregates.begin(), aggregates.end(), has);
  }

  friend bool operator==(const AccountingConfig&, const AccountingConfig&) = default;
};

}  // namespace ctflow
