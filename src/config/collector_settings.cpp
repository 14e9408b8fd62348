// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/collector_settings.hpp"

#include <algorithm>

#include "config/output_filter_settings.hpp"
#include "config/setting_words.hpp"
#include "config/suggestion.hpp"
#include "config/transport_settings.hpp"
#include "encode/elements.hpp"
#include "export/profile.hpp"

namespace ctflow::config {
namespace {

ValueFormat<Protocol> protocol() {
  const std::string netflow9 = "did you mean \"netflow9\"?";
  const std::string netflow5 = "did you mean \"netflow5\"?";
  const std::string sflow =
      "not supported: sFlow samples packets, which ctflowd does not see; use ipfix or netflow9";
  return with_hints(choice_of(kProtocolWords), {{"netflow-v9", netflow9},
                                                {"netflow_v9", netflow9},
                                                {"netflowv9", netflow9},
                                                {"netflow", netflow9},
                                                {"v9", netflow9},
                                                {"9", netflow9},
                                                {"10", "did you mean \"ipfix\"?"},
                                                {"v10", "did you mean \"ipfix\"?"},
                                                {"5", netflow5},
                                                {"v5", netflow5},
                                                {"netflow-v5", netflow5},
                                                {"netflowv5", netflow5},
                                                {"nf9", netflow9},
                                                {"nf5", netflow5},
                                                {"sflow", sflow},
                                                {"sflow5", sflow}});
}

ValueFormat<Profile> profile() {
  std::vector<std::pair<std::string, Profile>> words;
  for (const ProfileRow& row : profiles()) words.emplace_back(row.name, row.profile);
  return choice<Profile>(words);
}

ValueFormat<std::string> element() {
  return {"the name of an Information Element that ctflowd can fill (docs/protocol.md)",
          [](std::string_view text) -> Parsed<std::string> {
            if (find_element(text) != nullptr) return {std::string(text), ""};
            if (text == "flowDirection") {
              return {std::nullopt,
                      "a record covers the interface where packets came in and the one where they "
                      "went out, so neither direction would be true"};
            }
            if (text == "conntrackLabels") {
              return {
                  std::nullopt,
                  "the kernel does not send labels with the end of a connection, so that records "
                  "would say there are none; conntrackMark has the mark"};
            }
            const std::optional<std::string> nearest = nearest_word(text, element_names());
            return {std::nullopt, nearest ? "did you mean " + *nearest + "?" : ""};
          }};
}

/// Elements of one format only.
std::optional<Complaint> check_element_formats(const CollectorConfig& collector) {
  const bool ipfix = collector.protocol == Protocol::kIpfix;
  for (const std::string& name : collector.elements) {
    if (fits(*find_element(name), ipfix ? Protocol::kIpfix : Protocol::kNetflow9)) {
      continue;
    }
    return Complaint{"elements",
                     fmt::format("{} exists only in {}, this collector gets {}", name,
                                 ipfix ? "NetFlow v9" : "IPFIX", ipfix ? "IPFIX" : "NetFlow v9")};
  }
  return std::nullopt;
}

/// An element that IANA does not have means nothing without the number of who defines it.
std::optional<Complaint> check_enterprise(const CollectorConfig& collector) {
  std::string own;
  for (const std::string& name : collector.elements) {
    if (find_element(name)->own) own = name;
  }
  if (own.empty() && collector.enterprise_number != 0) {
    return Complaint{"enterprise_number",
                     "expected only with elements that IANA does not have, such as conntrackMark"};
  }
  if (!own.empty() && collector.enterprise_number == 0) {
    return Complaint{
        "elements",
        fmt::format("IANA has no {}: expected with it enterprise_number, the Private Enterprise "
                    "Number of your organisation (iana.org/assignments/enterprise-numbers)",
                    own)};
  }
  if (collector.enterprise_number == kReverseEnterprise) {
    return Complaint{
        "enterprise_number",
        fmt::format("{} stands for reverse elements (RFC 5103): expected the number of "
                    "your organisation",
                    kReverseEnterprise)};
  }
  return std::nullopt;
}

/// Records of the other family would have no addresses.
std::optional<Complaint> check_element_families(const CollectorConfig& collector) {
  const auto has = [&](const char* name) {
    return std::find(collector.elements.begin(), collector.elements.end(), name) !=
           collector.elements.end();
  };
  for (const std::string side : {"source", "destination"}) {
    const std::string ipv4 = side + "IPv4Address";
    const std::string ipv6 = side + "IPv6Address";
    if (has(ipv4.c_str()) == has(ipv6.c_str())) continue;
    return Complaint{"elements",
                     fmt::format("{} without {}: connections of the other family would have no "
                                 "address; list both",
                                 has(ipv4.c_str()) ? ipv4 : ipv6, has(ipv4.c_str()) ? ipv6 : ipv4)};
  }
  if (const auto kind = kind_without_elements(collector.elements)) {
    return Complaint{"elements", fmt::format("records of {} would be empty; add an element that "
                                             "they have, such as octetDeltaCount",
                                             *kind)};
  }
  return std::nullopt;
}

/// FlowSets of NetFlow v9 are padded with up to 3 zeros (RFC 3954 section 5.3), which a collector
/// would read as one more record if it were as short.
std::optional<Complaint> check_record_lengths(const CollectorConfig& collector) {
  constexpr std::size_t kShortest = 4;
  constexpr std::size_t kAround = 27;  // header of NetFlow v9, head of a FlowSet, padding
  const std::size_t least = kAround + 2 * longest_record(collector.elements, collector.protocol);
  if (collector.max_message_size < least) {
    return Complaint{"max_message_size",
                     fmt::format("expected at least {}: a message has to hold both records of a "
                                 "connection with these elements",
                                 least)};
  }
  if (collector.protocol != Protocol::kNetflow9) return std::nullopt;
  const auto found = kind_shorter_than(collector.elements, kShortest);
  if (!found) return std::nullopt;
  return Complaint{
      "elements",
      fmt::format("records of {} would have {} octets, and collectors read the padding of NetFlow "
                  "v9 as further ones; expected at least {}: add an element that they have, such "
                  "as octetDeltaCount",
                  found->kind, found->octets, kShortest)};
}

/// What NetFlow v5 has no place for. Who sets it must not be left in the belief that it is sent.
std::optional<Complaint> check_netflow5(const CollectorConfig& collector) {
  const auto refuse = [](const char* key) {
    return Complaint{key,
                     "NetFlow v5 cannot express it: its records have one fixed form; expected only "
                     "with protocol: ipfix or netflow9"};
  };
  if (!row_of(collector.profile).in_netflow5) return refuse("profile");
  if (!collector.elements.empty()) return refuse("elements");
  if (collector.enterprise_number != 0) return refuse("enterprise_number");
  if (collector.zones) return refuse("zones");
  if (collector.packet_properties) return refuse("packet_properties");
  if (collector.interface_names) return refuse("interface_names");
  return std::nullopt;
}

std::optional<Complaint> check_records(const CollectorConfig& collector) {
  if (collector.protocol == Protocol::kNetflow5) return check_netflow5(collector);
  if (!row_of(collector.profile).in_netflow9 && collector.protocol == Protocol::kNetflow9) {
    return Complaint{"profile",
                     "biflow needs protocol: ipfix (RFC 5103 has no NetFlow v9 counterpart)"};
  }
  if (collector.elements.empty()) return check_enterprise(collector);
  if (collector.profile != Profile::kDefault) {
    return Complaint{"elements", "expected either elements or a profile, got both"};
  }
  if (auto complaint = check_element_formats(collector)) return complaint;
  if (auto complaint = check_enterprise(collector)) return complaint;
  if (auto complaint = check_element_families(collector)) return complaint;
  return check_record_lengths(collector);
}

/// A datagram cannot leave from an address of the other family.
std::optional<Complaint> check_source_family(const CollectorConfig& collector) {
  const int to = address_family(collector.address);
  const int from = address_family(collector.source_address);
  if (to == 0 || from == 0 || to == from) return std::nullopt;
  return Complaint{"source_address",
                   fmt::format("expected an IPv{} address, as the collector's is, got IPv{}: {}",
                               to, from, collector.source_address)};
}

std::optional<Complaint> check_collector(const CollectorConfig& collector) {
  if (auto complaint = check_transport(collector)) return complaint;
  if (auto complaint = check_source_family(collector)) return complaint;
  if (auto complaint = check_filter(collector.filter)) return complaint;
  return check_records(collector);
}

}  // namespace

Section<CollectorConfig> collector_settings() {
  using C = CollectorConfig;
  return {{
              value("name", kRequired, identifier(), &C::name),
              value("address", kOptional, host(), &C::address),  // but for a file
              value("port", kOptional, port(), &C::port),        // but for a file
              value("protocol", kRequired, protocol(), &C::protocol),
              value("source_address", kOptional, numeric_address(), &C::source_address),
              value("bind_device", kOptional, device(), &C::bind_device),
              value("dscp", kOptional, integer(0, 63), &C::dscp),
              value("observation_domain", kOptional, integer_or_auto(0, kMax32),
                    &C::observation_domain),
              value("max_message_size", kOptional, integer(512, 65507), &C::max_message_size),
              value("flush_after", kOptional, duration("1ms", "60s"), &C::flush_after),
              value("template_interval", kOptional, duration("1s", "1h"), &C::template_interval),
              value("template_messages", kOptional, integer_or_auto(1, 1'000'000),
                    &C::template_messages),
              value("sampling_options", kOptional, boolean(), &C::sampling_options),
              value("statistics_options", kOptional, boolean(), &C::statistics_options),
              value("options_interval", kOptional, duration("1s", "24h"), &C::options_interval),
              value("resolve_interval", kOptional, duration("1s", "24h"), &C::resolve_interval),
              value("profile", kOptional, profile(), &C::profile),
              words("elements", kOptional, "element names", element(), &C::elements),
              value("enterprise_number", kOptional, integer(1, kMax32), &C::enterprise_number),
              value("next_hop", kOptional, boolean(), &C::next_hop),
              value("zones", kOptional, boolean(), &C::zones),
              value("packet_properties", kOptional, boolean(), &C::packet_properties),
              value("interface_names", kOptional, boolean(), &C::interface_names),
              value("transport", kOptional, choice_of(kTransportWords), &C::transport),
              section("tls", kOptional, tls_settings(), &C::tls),
              section("spool", kOptional, spool_settings(), &C::spool),
              section("file", kOptional, file_settings(), &C::file),
              list("filter", kOptional, filter_rule(), &C::filter),
          },
          check_collector};
}

}  // namespace ctflow::config
