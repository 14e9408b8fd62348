// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/neighbours/neighbours.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <bit>

#include "enrich/routing/routing_attributes.hpp"
#include "enrich/routing/routing_message.hpp"
#include "hash/mix.hpp"
#include "wire/mac_octets.hpp"

namespace ctflow {
namespace {

constexpr unsigned kAnswerBits = 10;

/// Between the first packet of another device and the kernel's word of it.
constexpr std::chrono::seconds kAnnounced{1};

/// 0: none that tells a device apart.
std::uint64_t mac_in(Bytes payload) {
  if (payload.size() != wire::kMacOctets) return 0;
  const bool multicast = (std::to_integer<unsigned>(payload.front()) & 1U) != 0;
  return multicast ? 0 : wire::mac_number(payload);
}

}  // namespace

std::optional<NeighbourMessage> decode_neighbour(Bytes message) {
  constexpr unsigned kKnown = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  Bytes fixed;
  Bytes rest;
  if (!rtnetlink::split(message, sizeof(ndmsg), fixed, rest)) return std::nullopt;
  const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
  if (type != RTM_NEWNEIGH && type != RTM_DELNEIGH) return std::nullopt;
  NeighbourMessage found;
  found.family = rtnetlink::family_of(rtnetlink::octet(fixed, offsetof(ndmsg, ndm_family)));
  if (found.family == AddressFamily::kNone) return std::nullopt;
  const auto interface = load_host<std::int32_t>(fixed, offsetof(ndmsg, ndm_ifindex));
  const auto state = load_host<std::uint16_t>(fixed, offsetof(ndmsg, ndm_state));
  // One that goes with its device is NOARP when its removal is reported (neigh_flush_dev()).
  const bool is_pointless = type == RTM_NEWNEIGH && (state & NUD_NOARP) != 0;
  if (interface <= 0 || is_pointless) return std::nullopt;
  found.interface = static_cast<std::uint32_t>(interface);
  bool has_address = false;
  std::uint64_t mac = 0;
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (attribute.type == NDA_DST) {
      has_address = rtnetlink::read_address(attribute.payload, found.family, found.address);
    }
    if (attribute.type == NDA_LLADDR) mac = mac_in(attribute.payload);
  }
  if (!has_address || attributes.malformed()) return std::nullopt;
  if (type == RTM_NEWNEIGH && (state & kKnown) != 0) found.mac = mac;
  return found;
}

std::optional<OwnAddressMessage> decode_own_address(Bytes message) {
  const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
  if (type != RTM_NEWADDR && type != RTM_DELADDR) return std::nullopt;
  InterfaceAddress found;
  if (decode_address(message, found) != Decoded::kYes) return std::nullopt;
  const auto flags = std::to_integer<unsigned>(
      message[static_cast<std::size_t>(NLMSG_HDRLEN) + offsetof(ifaddrmsg, ifa_flags)]);
  const bool is_anothers = (flags & IFA_F_DADFAILED) != 0;  // RFC 4862 section 5.4.5
  return OwnAddressMessage{found.family, found.address, found.interface, found.length,
                           type == RTM_NEWADDR && !is_anothers};
}

std::size_t Neighbours::Hash::operator()(const IpAddress& address) const {
  constexpr unsigned kHalf = 32;
  const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(address.octets);
  const std::uint64_t hash = hash_words(words[0], words[1]);
  return static_cast<std::size_t>(hash ^ hash >> kHalf);
}

std::uint64_t Neighbours::Entry::at(TimePoint when) const {
  return before != 0 && when + kAnnounced < since ? before : mac;
}

void Neighbours::apply(const NeighbourMessage& message, TimePoint now) {
  Table& table = table_of(message.family);
  const auto place = table.find(message.address);
  Entry* known = nullptr;
  if (place != table.end()) {
    for (Entry& one : place->second) {
      if (one.interface == message.interface) known = &one;
    }
  }
  if (message.mac == 0) {
    if (known != nullptr && !known->gone) known->gone = now;
    return;
  }
  if (known == nullptr) {
    if (entries_ >= kMost) remove_gone(now + kAnnounced);
    if (entries_ >= kMost) return;
    known = &table[message.address].emplace_back();
    known->interface = message.interface;
    ++entries_;
    answers_.resize(std::size_t{1} << kAnswerBits);
  } else if (known->mac != message.mac) {
    known->before = known->mac;
  }
  if (known->mac != message.mac) {
    known->since = now;
    ++tables_;
  }
  known->mac = message.mac;
  known->gone.reset();
  known->reading = reading_;
}

void Neighbours::apply_own(const OwnAddressMessage& message, TimePoint now) {
  OwnTable& table = message.family == AddressFamily::kIpv4 ? own_ipv4_ : own_ipv6_;
  const auto place = table.find(message.address);
  Own* known = nullptr;
  if (place != table.end()) {
    for (Own& one : place->second) {
      if (one.interface == message.interface && one.length == message.length) known = &one;
    }
  }
  ++tables_;
  if (!message.there) {
    if (known != nullptr && !known->gone) known->gone = now;
    return;
  }
  if (known == nullptr) {
    if (table.size() >= kMost) return;
    known = &table[message.address].emplace_back();
    *known = {message.interface, reading_, message.length, now, {}};
  } else if (known->gone) {
    known->since = now;
    known->gone.reset();
  }
  known->reading = reading_;
}

bool Neighbours::is_own(AddressFamily family, const IpAddress& address, TimePoint at) const {
  const OwnTable& table = family == AddressFamily::kIpv4 ? own_ipv4_ : own_ipv6_;
  const auto place = table.find(address);
  if (place == table.end()) return false;
  return std::any_of(place->second.begin(), place->second.end(), [&](const Own& one) {
    return one.since <= at + kAnnounced && (!one.gone || at < *one.gone);
  });
}

void Neighbours::end_dump(TimePoint now) {
  ++tables_;
  for (OwnTable* const table : {&own_ipv4_, &own_ipv6_}) {
    for (auto& [address, entries] : *table) {
      for (Own& one : entries) {
        if (one.reading != reading_ && !one.gone) one.gone = now;
      }
    }
  }
  for (Table* const table : {&ipv4_, &ipv6_}) {
    for (auto& [address, entries] : *table) {
      for (Entry& one : entries) {
        if (one.reading != reading_ && !one.gone) one.gone = now;
      }
    }
  }
}

void Neighbours::expire(TimePoint now) {
  ++tables_;
  for (Table* const table : {&ipv4_, &ipv6_}) {
    for (auto& [address, entries] : *table) {
      for (Entry& one : entries) {
        if (one.gone && *one.gone > now) one.gone = now;  // the clock was set back
        if (one.before != 0 && one.since + kKept < now) one.before = 0;
        if (one.since > now) one.since = now;
      }
    }
  }
  remove_gone(now - kKept);
  expire_own(now);
}

void Neighbours::expire_own(TimePoint now) {
  for (OwnTable* const table : {&own_ipv4_, &own_ipv6_}) {
    for (auto place = table->begin(); place != table->end();) {
      std::vector<Own>& entries = place->second;
      for (Own& one : entries) {  // where the clock was set back
        if (one.gone && *one.gone > now) one.gone = now;
        one.since = std::min(one.since, now);
      }
      const auto last = std::remove_if(entries.begin(), entries.end(), [&](const Own& one) {
        return one.gone && *one.gone < now - kKept;
      });
      entries.erase(last, entries.end());
      place = entries.empty() ? table->erase(place) : std::next(place);
    }
  }
}

void Neighbours::remove_gone(TimePoint before) {
  ++tables_;
  for (Table* const table : {&ipv4_, &ipv6_}) {
    for (auto place = table->begin(); place != table->end();) {
      std::vector<Entry>& entries = place->second;
      const auto last = std::remove_if(entries.begin(), entries.end(), [&](const Entry& one) {
        return one.gone && *one.gone < before;
      });
      entries_ -= static_cast<std::size_t>(entries.end() - last);
      entries.erase(last, entries.end());
      place = entries.empty() ? table->erase(place) : std::next(place);
    }
  }
}

std::uint64_t Neighbours::find(AddressFamily family, const IpAddress& address,
                               std::uint32_t interface, TimePoint at) const {
  if (answers_.empty()) return 0;
  Answer& known = answers_[slot_of((Hash()(address) ^ interface) * kGolden, kAnswerBits)];
  if (known.tables != tables_ || known.interface != interface || known.family != family ||
      known.address != address) {
    known = answer(family, address, interface);
  }
  return at >= known.from ? known.mac : look_up(family, address, interface, at);
}

Neighbours::Answer Neighbours::answer(AddressFamily family, const IpAddress& address,
                                      std::uint32_t interface) const {
  Answer result{address, interface, family, tables_};
  const auto from = [&](TimePoint time) { result.from = std::max(result.from, time); };
  const OwnTable& own = family == AddressFamily::kIpv4 ? own_ipv4_ : own_ipv6_;
  if (const auto place = own.find(address); place != own.end()) {
    for (const Own& one : place->second) from(one.gone.value_or(one.since - kAnnounced));
  }
  const Table& table = family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  if (const auto place = table.find(address); place != table.end()) {
    for (const Entry& one : place->second) from(one.since - kAnnounced);
  }
  result.mac = look_up(family, address, interface, TimePoint::max() - kAnnounced);
  return result;
}

std::uint64_t Neighbours::look_up(AddressFamily family, const IpAddress& address,
                                  std::uint32_t interface, TimePoint at) const {
  const Table& table = family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  const auto place = table.find(address);
  if (place == table.end() || is_own(family, address, at)) return 0;
  const std::vector<Entry>& entries = place->second;
  std::uint64_t any = entries.front().at(at);
  for (const Entry& one : entries) {
    if (one.interface == interface) return one.at(at);
    if (one.at(at) != any) any = 0;
  }
  return any;
}

std::uint64_t Neighbours::find_at(AddressFamily family, const IpAddress& address,
                                  std::uint32_t interface, TimePoint at) const {
  const Table& table = family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  const auto place = table.find(address);
  if (place == table.end() || is_own(family, address, at)) return 0;
  for (const Entry& one : place->second) {
    if (one.interface == interface) return one.at(at);
  }
  return 0;
}

}  // namespace ctflow
