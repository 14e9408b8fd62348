// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/interface_addresses.hpp"

#include <algorithm>

#include "hash/mix.hpp"

namespace ctflow {

std::size_t InterfaceAddresses::Hash::operator()(const Key& key) const {
  const PrefixKey bits = PrefixKey::of(key.address);
  const std::uint64_t family = static_cast<std::uint64_t>(key.family);
  return static_cast<std::size_t>(mix(hash_words(bits.high ^ family, bits.low)));
}

InterfaceAddresses::Tenure* InterfaceAddresses::current(Tenures& tenures,
                                                        const InterfaceAddress& address) {
  const auto found = std::find_if(tenures.begin(), tenures.end(), [&](const Tenure& tenure) {
    return tenure.until == kNever && tenure.address == address;
  });
  return found == tenures.end() ? nullptr : &*found;
}

bool InterfaceAddresses::add(const InterfaceAddress& address, RoutingTime now) {
  Tenures& tenures = addresses_[{address.family, address.address}];
  if (current(tenures, address) != nullptr) return false;
  if (tenures.size() >= kOfOneAddress) {
    const auto over = std::find_if(tenures.begin(), tenures.end(),
                                   [](const Tenure& one) { return one.until != kNever; });
    if (over != tenures.end()) {
      tenures.erase(over);
      ++forgotten_;
    }
  }
  tenures.push_back({address, now, kNever});
  ++size_;
  if (address.family == AddressFamily::kIpv4) ++ipv4_of_[address.interface];
  trim(now);
  return true;
}

void InterfaceAddresses::count_down(const InterfaceAddress& address) {
  --size_;
  if (address.family != AddressFamily::kIpv4) return;
  const auto found = ipv4_of_.find(address.interface);
  if (--found->second == 0) ipv4_of_.erase(found);
}

void InterfaceAddresses::end(Tenure& tenure, RoutingTime now) {
  tenure.until = now;
  gone_.emplace_back(now, Key{tenure.address.family, tenure.address.address});
  count_down(tenure.address);
}

bool InterfaceAddresses::remove(const InterfaceAddress& address, RoutingTime now) {
  const auto found = addresses_.find({address.family, address.address});
  if (found == addresses_.end()) return false;
  Tenure* tenure = current(found->second, address);
  if (tenure == nullptr) return false;
  end(*tenure, now);
  trim(now);
  return true;
}

void InterfaceAddresses::remove_all(std::uint32_t interface, RoutingTime now) {
  for (auto& [key, tenures] : addresses_) {
    for (Tenure& tenure : tenures) {
      if (tenure.until == kNever && tenure.address.interface == interface) end(tenure, now);
    }
  }
  trim(now);
}

InterfaceAddresses::Owner InterfaceAddresses::owner(AddressFamily family, const IpAddress& address,
                                                    RoutingTime time) const {
  const auto found = addresses_.find({family, address});
  if (found == addresses_.end()) return {};
  Owner owner{0, kAlways};
  bool several = false;
  for (const Tenure& tenure : found->second) {
    if (tenure.from > time) continue;
    const RoutingTime until = tenure.until > time ? kNever : tenure.until;
    if (until < owner.until) continue;
    several = until == owner.until && (several || tenure.address.interface != owner.interface);
    owner = {tenure.address.interface, until};
  }
  return several ? Owner{} : owner;
}

void InterfaceAddresses::trim(RoutingTime now) {
  const RoutingTime oldest = oldest_remembered(now);
  while (!gone_.empty() && (gone_.front().first <= oldest || gone_.size() > kGone)) {
    const auto [when, key] = gone_.front();
    if (when > oldest) ++forgotten_;
    gone_.pop_front();
    const auto found = addresses_.find(key);
    if (found == addresses_.end()) continue;
    Tenures& tenures = found->second;
    const auto first = std::find_if(tenures.begin(), tenures.end(),
                                    [when = when](const auto& one) { return one.until <= when; });
    if (first != tenures.end()) tenures.erase(first);
    if (tenures.empty()) addresses_.erase(found);
  }
}

void InterfaceAddresses::inherit(const InterfaceAddresses& older, RoutingTime now) {
  forgotten_ += older.forgotten_;
  gone_ = older.gone_;
  for (const auto& [key, tenures] : older.addresses_) {
    Tenures& mine = addresses_[key];
    for (const Tenure& tenure : tenures) {
      Tenure* same = tenure.until == kNever ? current(mine, tenure.address) : nullptr;
      if (same != nullptr) {
        same->from = tenure.from;
        continue;
      }
      mine.push_back(tenure);
      if (tenure.until != kNever) continue;
      mine.back().until = now;
      gone_.emplace_back(now, key);
    }
    if (mine.empty()) addresses_.erase(key);
  }
  trim(now);
}

}  // namespace ctflow
