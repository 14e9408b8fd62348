// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/kernel_filter.hpp"

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

/// The library puts each list into one run of instructions that is jumped over by at most 255, and
/// drops silently what goes beyond its own limits. A list that is longer than these is left to user
/// space: 3 instructions for an IPv4 network and a mark, 1 for a protocol.
constexpr std::size_t kMostProtocols = 200;
constexpr std::size_t kMostIpv4 = 64;
/// Of several IPv6 networks the library up to 1.0.9 compares only the first.
constexpr std::size_t kMostIpv6 = 1;
constexpr std::size_t kMostMarks = 64;

/// The library looks for the IPv4 destination (CTA_IP_V4_DST, 2) also behind the addresses. In a
/// message of IPv6 it finds CTA_TUPLE_PROTO there, which is 2 as well, and takes the header of the
/// attribute inside (length 5, CTA_PROTO_NUM) for an address.
constexpr std::array<std::array<std::uint8_t, 4>, 2> kMisread{{{5, 0, 1, 0}, {0, 5, 0, 1}}};

using Entries = std::vector<ConnectionMatch>;

std::uint32_t word_of(const IpAddress& address, std::size_t index) {
  return wire::load<std::uint32_t>(std::as_bytes(std::span(address.octets)), index * 4);
}

/// Of the word at `index` of an address, host byte order.
std::uint32_t mask_word(std::size_t length, std::size_t index) {
  const std::size_t before = index * 32;
  if (length <= before) return 0;
  const std::size_t bits = std::min<std::size_t>(length - before, 32);
  return bits == 32 ? 0xffff'ffff : ~(0xffff'ffffU >> bits);
}

bool covers_misread(const Network& network) {
  return std::any_of(kMisread.begin(), kMisread.end(), [&](const auto& octets) {
    IpAddress address;
    std::copy(octets.begin(), octets.end(), address.octets.begin());
    return ((word_of(address, 0) ^ word_of(network.address, 0)) & mask_word(network.length, 0)) ==
           0;
  });
}

bool is_ipv4(const Network& network) { return network.family == AddressFamily::kIpv4; }

/// All values of a list, if every entry has some.
template <typename Value>
std::optional<std::vector<Value>> every(const Entries& entries,
                                        std::vector<Value> ConnectionMatch::*list) {
  std::vector<Value> all;
  for (const ConnectionMatch& entry : entries) {
    if ((entry.*list).empty()) return std::nullopt;
    all.insert(all.end(), (entry.*list).begin(), (entry.*list).end());
  }
  if (all.empty()) return std::nullopt;
  return all;
}

/// The values of entries that have nothing but this list.
template <typename Value>
std::vector<Value> alone(const Entries& entries, std::vector<Value> ConnectionMatch::*list) {
  std::vector<Value> all;
  for (const ConnectionMatch& entry : entries) {
    ConnectionMatch only;
    only.*list = entry.*list;
    if (only == entry) all.insert(all.end(), (entry.*list).begin(), (entry.*list).end());
  }
  return all;
}

using Filter = std::unique_ptr<nfct_filter, void (*)(nfct_filter*)>;

void set_logic(nfct_filter* filter, nfct_filter_attr attribute, bool includes) {
  nfct_filter_set_logic(filter, attribute,
                        includes ? NFCT_FILTER_LOGIC_POSITIVE : NFCT_FILTER_LOGIC_NEGATIVE);
}

void add_ipv4(nfct_filter* filter, nfct_filter_attr attribute, const Network& network) {
  const nfct_filter_ipv4 value{word_of(network.address, 0), mask_word(network.length, 0)};
  nfct_filter_add_attr(filter, attribute, &value);
}

void add_ipv6(nfct_filter* filter, nfct_filter_attr attribute, const Network& network) {
  nfct_filter_ipv6 value{};
  for (std::size_t i = 0; i < 4; ++i) {
    value.addr[i] = word_of(network.address, i);
    value.mask[i] = mask_word(network.length, i);
  }
  nfct_filter_add_attr(filter, attribute, &value);
}

}  // namespace

KernelFilter::KernelFilter(const FilterConfig& config) {
  include(config.include);
  exclude(config.exclude);
  limit_sizes();
}

void KernelFilter::include(const Entries& entries) {
  if (auto all = every(entries, &ConnectionMatch::protocols)) protocols_ = {std::move(*all), true};
  if (auto all = every(entries, &ConnectionMatch::marks)) marks_ = {std::move(*all), true};
  const auto split = [](std::vector<Network> all, Addresses& addresses) {
    const auto middle = std::stable_partition(all.begin(), all.end(), is_ipv4);
    addresses.ipv4 = {{all.begin(), middle}, middle != all.begin()};
    addresses.ipv6 = {{middle, all.end()}, middle != all.end()};
  };
  if (auto all = every(entries, &ConnectionMatch::sources)) split(std::move(*all), sources_);
  if (auto all = every(entries, &ConnectionMatch::destinations)) {
    split(std::move(*all), destinations_);
    // It would remove connections of IPv6 (kMisread) that are to pass.
    if (destinations_.ipv6.includes) destinations_.ipv4 = {};
  }
}

void KernelFilter::exclude(const Entries& entries) {
  const auto add = [](auto& list, auto values) {
    if (list.includes) return;
    list.values.insert(list.values.end(), values.begin(), values.end());
  };
  add(protocols_, alone(entries, &ConnectionMatch::protocols));
  add(marks_, alone(entries, &ConnectionMatch::marks));
  const auto add_networks = [&](const std::vector<Network>& networks, Addresses& addresses,
                                bool misread) {
    for (const Network& network : networks) {
      if (misread && is_ipv4(network) && covers_misread(network)) continue;
      add(is_ipv4(network) ? addresses.ipv4 : addresses.ipv6, std::vector<Network>{network});
    }
  };
  const std::vector<Network> either = alone(entries, &ConnectionMatch::networks);
  add_networks(alone(entries, &ConnectionMatch::sources), sources_, false);
  add_networks(either, sources_, false);
  add_networks(alone(entries, &ConnectionMatch::destinations), destinations_, true);
  add_networks(either, destinations_, true);
}

void KernelFilter::limit_sizes() {
  const auto limit = [](auto& list, std::size_t most) {
    if (list.values.size() > most) list = {};
  };
  std::sort(protocols_.values.begin(), protocols_.values.end());
  protocols_.values.erase(std::unique(protocols_.values.begin(), protocols_.values.end()),
                          protocols_.values.end());
  limit(protocols_, kMostProtocols);
  limit(marks_, kMostMarks);
  for (Addresses* addresses : {&sources_, &destinations_}) {
    limit(addresses->ipv4, kMostIpv4);
    limit(addresses->ipv6, kMostIpv6);
  }
}

bool KernelFilter::filters_events() const {
  return !protocols_.values.empty() || !marks_.values.empty() || !sources_.ipv4.values.empty() ||
         !sources_.ipv6.values.empty() || !destinations_.ipv4.values.empty() ||
         !destinations_.ipv6.values.empty();
}

std::error_code KernelFilter::attach(int socket) const {
  if (!filters_events()) return {};
  const Filter filter(nfct_filter_create(), nfct_filter_destroy);
  if (!filter) return {ENOMEM, std::generic_category()};
  set_logic(filter.get(), NFCT_FILTER_L4PROTO, protocols_.includes);
  for (const std::uint64_t protocol : protocols_.values) {
    nfct_filter_add_attr_u32(filter.get(), NFCT_FILTER_L4PROTO,
                             static_cast<std::uint32_t>(protocol));
  }
  set_logic(filter.get(), NFCT_FILTER_MARK, marks_.includes);
  for (const MarkMatch& mark : marks_.values) {
    const nfct_filter_dump_mark value{mark.mark, mark.mask};
    nfct_filter_add_attr(filter.get(), NFCT_FILTER_MARK, &value);
  }
  const auto add = [&](const Addresses& addresses, nfct_filter_attr ipv4, nfct_filter_attr ipv6) {
    set_logic(filter.get(), ipv4, addresses.ipv4.includes);
    for (const Network& network : addresses.ipv4.values) add_ipv4(filter.get(), ipv4, network);
    set_logic(filter.get(), ipv6, addresses.ipv6.includes);
    for (const Network& network : addresses.ipv6.values) add_ipv6(filter.get(), ipv6, network);
  };
  add(sources_, NFCT_FILTER_SRC_IPV4, NFCT_FILTER_SRC_IPV6);
  add(destinations_, NFCT_FILTER_DST_IPV4, NFCT_FILTER_DST_IPV6);
  if (nfct_filter_attach(socket, filter.get()) != 0) return {errno, std::generic_category()};
  return {};
}

}  // namespace ctflow
