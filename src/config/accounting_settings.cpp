// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/accounting_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "config/file_lines.hpp"
#include "config/filter_settings.hpp"
#include "config/missing_part.hpp"
#include "config/names_file.hpp"
#include "config/nat_log_settings.hpp"
#include "config/networks_file.hpp"
#include "config/services_file.hpp"
#include "text/escape.hpp"
#include "text/mac_text.hpp"
#include "text/time_text.hpp"
#include "time_zone/time_zone.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

ValueFormat<AccountingKey> accounting_key() {
  std::vector<std::pair<std::string, AccountingKey>> words;
  words.reserve(std::size(kAccountingKeyWords));
  for (const AccountingKeyWord& one : kAccountingKeyWords) words.emplace_back(one.word, one.key);
  return choice<AccountingKey>(words);
}

std::optional<std::uint64_t> digits(std::string_view text, std::uint64_t least,
                                    std::uint64_t most) {
  return integer(least, most).parse(text).value;
}

/// YYYY-MM-DD
std::optional<std::chrono::sys_days> date_in(std::string_view text) {
  constexpr std::size_t kLength = 10;
  constexpr std::size_t kMonth = 5;
  constexpr std::size_t kDay = 8;
  constexpr std::uint64_t kFirstYear = 1970;
  if (text.size() != kLength || text[kMonth - 1] != '-' || text[kDay - 1] != '-') return {};
  const auto part = [&](std::size_t from, std::size_t length, std::uint64_t most) {
    std::string_view number = text.substr(from, length);
    if (number.front() == '0') number.remove_prefix(1);
    return digits(number, 1, most);
  };
  const auto year = digits(text.substr(0, kMonth - 1), kFirstYear, 9999);
  const auto month = part(kMonth, 2, 12);
  const auto day = part(kDay, 2, 31);
  if (!year || !month || !day) return {};
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return {};
  return std::chrono::sys_days(date);
}

Parsed<PeriodConfig> parse_period(std::string_view text) {
  constexpr std::uint64_t kMostDays = 366;
  constexpr std::uint64_t kLastDay = 31;
  PeriodConfig period;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto first = date_in(text.substr(0, slash));
    const auto every = digits(text.substr(slash + 1), 1, kMostDays);
    if (!first || !every) return {};
    period.first = *first;
    period.every = std::chrono::days(*every);
    return {period, ""};
  }
  const bool from_end = !text.empty() && text.front() == '-';
  const auto day = digits(from_end ? text.substr(1) : text, 1, kLastDay);
  if (!day) return {};
  period.day = static_cast<int>(*day) * (from_end ? -1 : 1);
  return {period, ""};
}

std::string show_period(const PeriodConfig& period) {
  if (period.every.count() == 0) return std::to_string(period.day);
  return fmt::format("{}/{}", text::date_text(period.first), period.every.count());
}

ValueFormat<ServicePort> service_port() {
  return {"PROTOCOL/PORT, such as tcp/443",
          [](std::string_view text) -> Parsed<ServicePort> {
            constexpr std::uint64_t kLastPort = 65535;
            const std::size_t slash = text.find('/');
            if (slash == std::string_view::npos) return {};
            const auto protocol = ip_protocol().parse(text.substr(0, slash)).value;
            const auto port = digits(text.substr(slash + 1), 1, kLastPort);
            if (!protocol || !port) return {};
            return {ServicePort{static_cast<std::uint8_t>(*protocol),
                                static_cast<std::uint16_t>(*port)},
                    ""};
          },
          "",
          [](const ServicePort& one) {
            return fmt::format("{}/{}", ip_protocol().show(one.protocol), one.port);
          }};
}

std::optional<Complaint> check_retention(const AccountingRetention& keep) {
  if (keep.hours < keep.minutes) {
    return Complaint{"hours", "expected at least as long as minutes"};
  }
  if (keep.days < keep.hours) return Complaint{"days", "expected at least as long as hours"};
  if (keep.periods < keep.days) {
    return Complaint{"periods", "expected at least as long as days"};
  }
  return std::nullopt;
}

Section<AccountingRetention> accounting_retention() {
  using R = AccountingRetention;
  constexpr unsigned kCentury = 36'600;
  return {{
              value("minutes", kOptional, duration("1h", "744h"), &R::minutes),
              value("hours", kOptional, days(kCentury), &R::hours),
              value("days", kOptional, days(kCentury), &R::days),
              value("periods", kOptional, days(kCentury), &R::periods),
          },
          check_retention};
}

Section<AggregateConfig> aggregate() {
  using A = AggregateConfig;
  return {{
              value("name", kRequired, identifier(), &A::name),
              words("by", kRequired, "keys", accounting_key(), &A::by),
              value("max_keys", kOptional, integer(1, 1'000'000), &A::max_keys),
          },
          {}};
}

/// Octets of a billing period.
ValueFormat<std::uint64_t> quota() { return size("1MB", "1000000GB"); }

Section<NamedNetworks> named_networks() {
  using N = NamedNetworks;
  return {{
              value("name", kRequired, identifier(), &N::name),
              words("networks", kRequired, "networks", network(), &N::networks),
              value("quota", kOptional, quota(), &N::quota),
          },
          {}};
}

ValueFormat<std::uint64_t> mac_address() {
  return {"a MAC address, such as 02:00:5e:00:53:01",
          [](std::string_view text) -> Parsed<std::uint64_t> {
            const auto address = text::parse_mac(text);
            if (!address || *address == 0) return {};
            return {*address, ""};
          },
          "", text::mac_text};
}

/// 1 to 63 characters that can be seen, spaces within.
ValueFormat<std::string> device_name() {
  return {"a name of 1 to 63 octets, without control characters",
          [](std::string_view text) -> Parsed<std::string> {
            constexpr std::size_t kLongest = 63;
            const bool fits = !text.empty() && text.size() <= kLongest && text.front() != ' ' &&
                              text.back() != ' ' && text::printable(text) == text;
            return fits ? Parsed<std::string>{std::string(text), ""} : Parsed<std::string>{};
          },
          "",
          {}};
}

Section<NamedDevice> named_device() {
  using D = NamedDevice;
  return {{
              value("name", kRequired, device_name(), &D::name),
              words("addresses", kRequired, "MAC addresses", mac_address(), &D::addresses),
              value("quota", kOptional, quota(), &D::quota),
          },
          {}};
}

Section<NamedService> named_service() {
  using S = NamedService;
  return {{
              value("name", kRequired, identifier(), &S::name),
              words("ports", kRequired, "ports", service_port(), &S::ports),
          },
          {}};
}

Section<AccountingMetrics> accounting_metrics() {
  using M = AccountingMetrics;
  constexpr std::uint64_t kMostKeys = 1000;
  return {{
              value("by", kRequired, accounting_key(), &M::by),
              value("limit", kOptional, integer(1, kMostKeys), &M::limit),
          },
          {}};
}

/// Some order of what has names: lists of networks are too long to be searched for each entry.
struct EntryOrder {
  bool operator()(const Network& left, const Network& right) const {
    return std::tie(left.family, left.length, left.address.octets) <
           std::tie(right.family, right.length, right.address.octets);
  }
  bool operator()(const ServicePort& left, const ServicePort& right) const {
    return std::tie(left.protocol, left.port) < std::tie(right.protocol, right.port);
  }
  bool operator()(std::uint64_t left, std::uint64_t right) const { return left < right; }
};

/// Which name each entry has.
template <typename Entry>
using NameOf = std::map<Entry, const std::string*, EntryOrder>;

/// A name that reports have for rows of their own, and two names for one thing.
template <typename Named, typename Member>
std::optional<Complaint> check_names(const std::string& key, const std::vector<Named>& all,
                                     Member Named::*members) {
  NameOf<typename Member::value_type> seen;
  for (const Named& one : all) {
    // Behind that of a device reports have its MAC address.
    if (key != "devices" && is_name_of_sum(one.name)) return Complaint{key, kOtherNameExpected};
    if (one.name == "other") {
      return Complaint{key, "expected another name than other, which is that of all without one"};
    }
    for (const auto& member : one.*members) {
      const auto [first, is_new] = seen.emplace(member, &one.name);
      if (is_new) continue;
      return Complaint{key,
                       fmt::format("the same entry is in {} and in {}", *first->second, one.name)};
    }
  }
  return std::nullopt;
}

bool counts_by(const AccountingConfig& config, AccountingKey key) {
  return std::any_of(config.aggregates.begin(), config.aggregates.end(), [&](const auto& one) {
    return std::find(one.by.begin(), one.by.end(), key) != one.by.end();
  });
}

template <typename Named>
auto quotas_of(const std::vector<Named>& all) {
  return std::count_if(all.begin(), all.end(), [](const Named& one) { return one.quota > 0; });
}

/// `ctflowd report --over-quota` asks an aggregate, and each is a series of /metrics.
std::optional<Complaint> check_quotas(const AccountingConfig& config) {
  constexpr int kMostQuotas = 1000;
  const std::string expected = "a quota needs an aggregate by ";
  if (quotas_of(config.networks) > 0 && !counts_by(config, AccountingKey::kNetwork)) {
    return Complaint{"networks", expected + "network"};
  }
  if (quotas_of(config.devices) > 0 && !counts_by(config, AccountingKey::kDevice)) {
    return Complaint{"devices", expected + "device"};
  }
  if (quotas_of(config.networks) + quotas_of(config.devices) > kMostQuotas) {
    return Complaint{quotas_of(config.devices) > 0 ? "devices" : "networks",
                     fmt::format("expected at most {} quotas, those of networks and devices "
                                 "together",
                                 kMostQuotas)};
  }
  return std::nullopt;
}

/// There are no more names than numbers for them.
constexpr std::size_t kMostNames = 65'000;

/// The file has no network of the settings.
std::optional<Complaint> check_networks_file(const AccountingConfig& config) {
  if (config.networks.size() + config.networks_in_file.size() > kMostNames) {
    return Complaint{"networks_file", fmt::format("expected at most {} names", kMostNames)};
  }
  NameOf<Network> own;
  for (const NamedNetworks& named : config.networks) {
    for (const Network& one : named.networks) own.emplace(one, &named.name);
  }
  for (const NamedNetworks& other : config.networks_in_file) {
    for (const Network& one : other.networks) {
      const auto found = own.find(one);
      if (found == own.end()) continue;
      return Complaint{"networks_file", fmt::format("a network of {} is that of {} in networks",
                                                    other.name, *found->second)};
    }
  }
  return std::nullopt;
}

std::optional<Complaint> check_accounting(const AccountingConfig& config) {
  if (auto complaint = check_names("networks", config.networks, &NamedNetworks::networks)) {
    return complaint;
  }
  if (auto complaint = check_networks_file(config)) return complaint;
  if (auto complaint = check_quotas(config)) return complaint;
  if (auto complaint = check_names("devices", config.devices, &NamedDevice::addresses)) {
    return complaint;
  }
  if (auto complaint = check_names("services", config.services, &NamedService::ports)) {
    return complaint;
  }
  if (config.services.size() + config.services_in_file.size() > kMostNames) {
    return Complaint{"services_file", fmt::format("expected at most {} names", kMostNames)};
  }
  // Last: all else is said as in any other build.
  if (!built_parts().sqlite) return Complaint{"aggregates", kWithoutSqlite};
  return std::nullopt;
}

}  // namespace

ValueFormat<PeriodConfig> period() {
  return {
      "a day of the month, 1 to 31 or -1 to -31 from its end, or FIRST-DAY/DAYS such as "
      "2026-10-01/14",
      parse_period, "", show_period};
}

ValueFormat<std::string> time_zone() {
  return {
      "system, a time zone that this host knows, such as Europe/Berlin, or a rule, such as "
      "CET-1CEST,M3.5.0,M10.5.0/3",
      [](std::string_view text) -> Parsed<std::string> {
        if (text == "system") return {std::string(), ""};
        const std::string name(text);
        if (!name.empty() && TimeZone::find(name)) return {name, ""};
        return {std::nullopt, "is tzdata installed?"};
      },
      "", [](const std::string& name) { return name.empty() ? "system" : name; }};
}

Section<AccountingConfig> accounting_settings() {
  using A = AccountingConfig;
  return {
      {
          list("aggregates", kRequired, aggregate(), &A::aggregates, "name",
               &AggregateConfig::name),
          value("database", kOptional, absolute_path(), &A::database),
          value("commit_interval", kOptional, duration("1s", "1h"), &A::commit_interval),
          value("time_zone", kOptional, time_zone(), &A::time_zone),
          value("period", kOptional, period(), &A::period),
          section("retention", kOptional, accounting_retention(), &A::retention),
          words("inside", kOptional, "networks", network(), &A::inside),
          list("networks", kOptional, named_networks(), &A::networks, "name", &NamedNetworks::name),
          names_file("networks_file", &A::networks_file, &A::networks_in_file, networks_in),
          list("devices", kOptional, named_device(), &A::devices, "name", &NamedDevice::name),
          words("device_files", kOptional, "files", absolute_path(), &A::device_files),
          section("metrics", kOptional, accounting_metrics(), &A::metrics),
          list("services", kOptional, named_service(), &A::services, "name", &NamedService::name),
          names_file("services_file", &A::services_file, &A::services_in_file, services_in),
      },
      check_accounting};
}

}  // namespace ctflow::config
