// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/classify.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
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
  return earlier.original_counters == Counters{} && earlier.reply_counters == Counters{} &&
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
  const bool usual = config.services.empty() && config.services_file.empty();
  // The first name of a port stays.
  for (const auto* const list :
       {usual ? &usual_services() : &config.services, &config.services_in_file}) {
    for (const NamedService& one : *list) {
      for (const ServicePort& port : one.ports) {
        services_.emplace(service_key(port.protocol, port.port),
                          static_cast<std::uint16_t>(service_names_.size()));
      }
      service_names_.push_back(one.name);
    }
  }
}

std::uint16_t Names::service_of(std::uint8_t protocol, std::uint16_t port) const {
  const auto found = services_.find(service_key(protocol, port));
  return found == services_.end() ? std::uint16_t{0} : found->second;
}

const std::string& Names::network(std::uint16_t number) const { return network_names_[number]; }

const std::string& Names::service(std::uint16_t number) const { return service_names_[number]; }

Classified classify(const Flow& flow, const Ends& ends, const Names& names,
                    const Neighbours& neighbours, const KeySelection& wanted) {
  const AddressFamily family = flow.original.family;
  const bool by_responder = ends.initiator == Place::kOutside && ends.responder != Place::kOutside;
  const IpAddress& host = by_responder ? flow.reply.source : flow.original.source;
  const IpAddress& other = by_responder ? flow.original.source : flow.reply.source;
  const std::uint32_t near = flow.original_interfaces.ingress;
  const std::uint32_t far = flow.original_interfaces.egress;
  const std::uint32_t interface = by_responder ? far : near;
  const NetworkOrigin& remote = by_responder ? flow.initiator_origin : flow.responder_origin;
  std::uint64_t device = 0;
  if (wanted.has(AccountingKey::kDevice)) {
    device = names.device_of(neighbours.find(family, host, interface, flow.end));
  }
  std::uint16_t network = 0;
  if (wanted.has(AccountingKey::kNetwork)) network = names.network_of(family, host);
  std::uint16_t remote_network = 0;
  if (wanted.has(AccountingKey::kRemoteNetwork)) remote_network = names.network_of(family, other);
  std::uint16_t service = 0;
  if (wanted.has(AccountingKey::kService) && has_ports(flow.reply.protocol)) {
    service = names.service_of(flow.reply.protocol, flow.reply.source_port);
  }
  const Counters& up = by_responder ? flow.reply_counters : flow.original_counters;
  const Counters& down = by_responder ? flow.original_counters : flow.reply_counters;
  // In one go: emptying it first would take as long as all the rest.
  return {direction_of(ends.initiator, ends.responder),
          {.host = host,
           .device = device,
           .mark = flow.mark,
           .interface = interface,
           .remote_interface = by_responder ? near : far,
           .asn = remote.as_number,
           .country = remote.country,
           .zone = flow.zone,
           .network = network,
           .remote_network = remote_network,
           .service = service,
           .family = static_cast<std::uint16_t>(family),
           .protocol = flow.original.protocol},
          {down.octets, up.octets, down.packets, up.packets, is_first_report(flow) ? 1U : 0U}};
}

KeySelection::KeySelection(const std::vector<AccountingKey>& by) {
  for (const AccountingKey one : by) bits_ |= 1U << static_cast<unsigned>(one);
  find_kept();
}

void KeySelection::add(const KeySelection& other) {
  bits_ |= other.bits_;
  find_kept();
}

void KeySelection::find_kept() {
  Key kept;
  const auto keep = [&](AccountingKey one, auto& member) {
    using Member = std::remove_reference_t<decltype(member)>;
    std::array<std::uint8_t, sizeof(Member)> ones{};
    ones.fill(std::numeric_limits<std::uint8_t>::max());
    if (has(one)) member = std::bit_cast<Member>(ones);
  };
  keep(AccountingKey::kDevice, kept.device);
  keep(AccountingKey::kHost, kept.host);
  keep(AccountingKey::kHost, kept.family);
  keep(AccountingKey::kNetwork, kept.network);
  keep(AccountingKey::kInterface, kept.interface);
  keep(AccountingKey::kRemoteInterface, kept.remote_interface);
  keep(AccountingKey::kZone, kept.zone);
  keep(AccountingKey::kMark, kept.mark);
  keep(AccountingKey::kProtocol, kept.protocol);
  keep(AccountingKey::kService, kept.service);
  keep(AccountingKey::kRemoteNetwork, kept.remote_network);
  keep(AccountingKey::kAsn, kept.asn);
  keep(AccountingKey::kCountry, kept.country);
  kept_ = words_of(kept);
  keep(AccountingKey::kDevice, kept.host);
  keep(AccountingKey::kDevice, kept.family);
  kept_by_address_ = words_of(kept);
}

}  // namespace ctflow::accounting
