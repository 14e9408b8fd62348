// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/classify.hpp"

#include <algorithm>
#include <utility>

#include "accounting/services.hpp"

namespace ctflow::accounting {
namespace {

constexpr unsigned kPortBits = 16;

std::uint32_t service_key(std::uint8_t protocol, std::uint16_t port) {
  return std::uint32_t{protocol} << kPortBits | port;
}

bool has_ports(std::uint8_t protocol) {
  constexpr std::uint8_t kIcmp = 1;
  constexpr std::uint8_t kIcmpv6 = 58;
  constexpr std::uint8_t kGre = 47;
  return protocol != kIcmp && protocol != kIcmpv6 && protocol != kGre;
}

Direction direction_of(Place initiator, Place responder) {
  if (initiator == Place::kSelf || responder == Place::kSelf) return Direction::kSelf;
  if (initiator == Place::kInside) {
    return responder == Place::kInside ? Direction::kLocal : Direction::kOut;
  }
  return responder == Place::kInside ? Direction::kIn : Direction::kThrough;
}

/// Whether no report of the connection came before. Of a first one that does not wait for the end
/// `earlier` has the start, which is that of the report. Where counters were set to zero `earlier`
/// has none either, but the report starts later.
bool is_first_report(const Flow& flow) {
  const EarlierReports& earlier = flow.earlier;
  return earlier.forward == Counters{} && earlier.backward == Counters{} &&
         (earlier.start == TimePoint{} || earlier.start == flow.start);
}

}  // namespace

Names::Names(const AccountingConfig& config) {
  network_names_.emplace_back("other");
  std::vector<std::pair<Network, std::uint16_t>> networks;
  for (const auto* const list : {&config.networks, &config.networks_in_file}) {
    for (const NamedNetworks& one : *list) {
      for (const Network& network : one.networks) {
        networks.emplace_back(network, static_cast<std::uint16_t>(network_names_.size()));
      }
      network_names_.push_back(one.name);
    }
  }
  networks_.add(std::move(networks));
  for (const NamedDevice& one : config.devices) {
    for (const std::uint64_t mac : one.addresses) devices_.emplace(mac, one.addresses.front());
  }
  service_names_.emplace_back("other");
  const auto& services = config.services.empty() ? usual_services() : config.services;
  for (const NamedService& one : services) {
    for (const ServicePort& port : one.ports) {
      services_.emplace(service_key(port.protocol, port.port),
                        static_cast<std::uint16_t>(service_names_.size()));
    }
    service_names_.push_back(one.name);
  }
}

std::uint16_t Names::service_of(std::uint8_t protocol, std::uint16_t port) const {
  const auto found = services_.find(service_key(protocol, port));
  return found == services_.end() ? std::uint16_t{0} : found->second;
}

const std::string& Names::network(std::uint16_t number) const { return network_names_[number]; }

const std::string& Names::service(std::uint16_t number) const { return service_names_[number]; }

Classified classify(const Flow& flow, const Surroundings& surroundings, const Names& names,
                    const Neighbours& neighbours, const KeySelection& wanted) {
  const AddressFamily family = flow.original.family;
  const IpAddress& initiator = flow.original.source;
  const IpAddress& responder = flow.reply.source;
  const Place from = surroundings.place_of(family, initiator);
  const Place to = surroundings.place_of(family, responder);
  const bool by_responder = from == Place::kOutside && to != Place::kOutside;
  Classified result;
  result.direction = direction_of(from, to);
  Key& key = result.key;
  key.host = by_responder ? responder : initiator;
  key.family = static_cast<std::uint16_t>(family);
  key.protocol = flow.original.protocol;
  key.zone = flow.zone;
  key.mark = flow.mark;
  const std::uint32_t near = flow.forward_interfaces.ingress;
  const std::uint32_t far = flow.forward_interfaces.egress;
  key.interface = by_responder ? far : near;
  key.remote_interface = by_responder ? near : far;
  const NetworkOrigin& remote = by_responder ? flow.initiator_origin : flow.responder_origin;
  key.asn = remote.as_number;
  key.country = remote.country;
  if (wanted.has(AccountingKey::kDevice)) {
    key.device = names.device_of(neighbours.find(family, key.host, key.interface, flow.end));
  }
  if (wanted.has(AccountingKey::kNetwork)) key.network = names.network_of(family, key.host);
  if (wanted.has(AccountingKey::kRemoteNetwork)) {
    key.remote_network = names.network_of(family, by_responder ? initiator : responder);
  }
  if (wanted.has(AccountingKey::kService) && has_ports(flow.reply.protocol)) {
    key.service = names.service_of(flow.reply.protocol, flow.reply.source_port);
  }
  const Counters& up = by_responder ? flow.backward : flow.forward;
  const Counters& down = by_responder ? flow.forward : flow.backward;
  result.amounts = {down.octets, up.octets, down.packets, up.packets,
                    is_first_report(flow) ? 1U : 0U};
  return result;
}

KeySelection::KeySelection(const std::vector<AccountingKey>& by) {
  for (const AccountingKey one : by) bits_ |= 1U << static_cast<unsigned>(one);
}

Key KeySelection::of(const Key& all) const {
  Key key;
  if (has(AccountingKey::kDevice)) key.device = all.device;
  if (has(AccountingKey::kHost) || (has(AccountingKey::kDevice) && all.device == 0)) {
    key.host = all.host;
    key.family = all.family;
  }
  if (has(AccountingKey::kNetwork)) key.network = all.network;
  if (has(AccountingKey::kInterface)) key.interface = all.interface;
  if (has(AccountingKey::kRemoteInterface)) key.remote_interface = all.remote_interface;
  if (has(AccountingKey::kZone)) key.zone = all.zone;
  if (has(AccountingKey::kMark)) key.mark = all.mark;
  if (has(AccountingKey::kProtocol)) key.protocol = all.protocol;
  if (has(AccountingKey::kService)) key.service = all.service;
  if (has(AccountingKey::kRemoteNetwork)) key.remote_network = all.remote_network;
  if (has(AccountingKey::kAsn)) key.asn = all.asn;
  if (has(AccountingKey::kCountry)) key.country = all.country;
  return key;
}

}  // namespace ctflow::accounting
