// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_domains.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "export/observation_domain.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

/// One spelling for each address, and for each name.
std::string canonical(const std::string& host) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (!error) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
          .to_string();
    }
    return address.to_string();
  }
  std::string name = host;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

/// What domains of a namespace are derived from.
std::string identity(const NamespaceConfig& where, const std::string& host) {
  return where.name.empty() ? host : host + " " + where.name;
}

/// Not one of `taken`, in which it is entered.
std::uint32_t derived_domain(const std::string& seed, std::set<std::uint32_t>& taken) {
  std::uint32_t domain = observation_domain_from(seed);
  for (int attempt = 1; !taken.insert(domain).second; ++attempt) {
    domain = observation_domain_from(fmt::format("{} {}", seed, attempt));
  }
  return domain;
}

/// In a named namespace an entry's own domain would be that of several.
bool has_own_domain(const CollectorConfig& collector, const NamespaceConfig& where) {
  return where.name.empty() && collector.observation_domain.has_value();
}

/// Entries that have no domain of their own, by name.
std::vector<std::size_t> undecided(const Config& config, const NamespaceConfig& where) {
  std::vector<std::size_t> entries;
  for (std::size_t i = 0; i < config.collectors.size(); ++i) {
    if (!has_own_domain(config.collectors[i], where)) entries.push_back(i);
  }
  std::stable_sort(entries.begin(), entries.end(), [&](std::size_t a, std::size_t b) {
    return config.collectors[a].name < config.collectors[b].name;
  });
  return entries;
}

/// `taken`: domains of other namespaces and entries.
std::vector<std::uint32_t> domains_in(const Config& config, const NamespaceConfig& where,
                                      const std::string& host, std::set<std::uint32_t>& taken) {
  const std::uint32_t base = namespace_domain(where, host);
  std::vector<std::uint32_t> domains(config.collectors.size(), base);
  std::set<std::pair<std::string, std::uint32_t>> used;  // destination and domain
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const CollectorConfig& one = config.collectors[i];
    if (!has_own_domain(one, where)) continue;
    domains[i] = *one.observation_domain;
    used.emplace(destination(one), domains[i]);
  }
  for (const std::size_t i : undecided(config, where)) {
    const CollectorConfig& one = config.collectors[i];
    const std::string to = destination(one);
    if (to.empty() || used.emplace(to, base).second) continue;
    domains[i] = derived_domain(identity(where, host) + " collector " + one.name, taken);
  }
  return domains;
}

}  // namespace

std::uint32_t namespace_domain(const NamespaceConfig& where, const std::string& host) {
  return where.observation_domain.value_or(observation_domain_from(identity(where, host)));
}

std::string destination(const CollectorConfig& collector) {
  if (collector.transport == TransportKind::kFile) return {};
  return fmt::format("{} {} {}", static_cast<int>(collector.transport), collector.port,
                     canonical(collector.address));
}

bool same_destination(const CollectorConfig& one, const CollectorConfig& other) {
  const std::string to = destination(one);
  return !to.empty() && to == destination(other);
}

std::vector<std::uint32_t> observation_domains(const Config& config, const NamespaceConfig& where,
                                               const std::string& host) {
  std::map<std::string, NamespaceConfig> all;
  for (const NamespaceConfig& one : config.namespaces) all.emplace(one.name, one);
  all.insert_or_assign(where.name, where);
  std::set<std::uint32_t> taken;
  for (const auto& [name, one] : all) taken.insert(namespace_domain(one, host));
  for (const CollectorConfig& one : config.collectors) {
    if (one.observation_domain) taken.insert(*one.observation_domain);
  }
  std::vector<std::uint32_t> domains;
  for (const auto& [name, one] : all) {
    std::vector<std::uint32_t> here = domains_in(config, one, host, taken);
    if (name == where.name) domains = std::move(here);
  }
  return domains;
}

void warn_of_shared_domains(const std::vector<CollectorConfig>& collectors,
                            const std::vector<std::string>& peers) {
  using Seen = std::tuple<TransportKind, std::optional<std::uint32_t>, std::string>;
  std::map<Seen, std::vector<std::size_t>> earlier;  // of thousands few are alike
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    const CollectorConfig& other = collectors[i];
    if (other.transport == TransportKind::kFile) continue;
    auto& alike = earlier[Seen(other.transport, other.observation_domain, peers[i])];
    for (const std::size_t k : alike) {
      const CollectorConfig& one = collectors[k];
      if (same_destination(one, other)) continue;
      log::warn(
          "observation_domain_shared collectors={},{} peer={} impact=\"{} and {} are one address: "
          "the collector there takes two sequences for one and counts losses that are none\" "
          "fix=\"write the address of both alike, or give one an observation_domain\"",
          one.name, other.name, peers[k], one.address, other.address);
    }
    alike.push_back(i);
  }
}

}  // namespace ctflow
