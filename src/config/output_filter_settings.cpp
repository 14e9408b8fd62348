// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/output_filter_settings.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>

#include "config/filter_settings.hpp"
#include "ctflow/flow_filter.hpp"
#include "encode/record_values.hpp"

namespace ctflow::config {
namespace {

constexpr std::uint64_t kMaxPort = 65535;
constexpr std::uint64_t kMaxZone = 65535;

ValueFormat<FilterAction> action() {
  const std::string include = "did you mean \"include\"?";
  const std::string exclude = "did you mean \"exclude\"?";
  return with_hints(choice<FilterAction>(
                        {{"include", FilterAction::kInclude}, {"exclude", FilterAction::kExclude}}),
                    {{"accept", include},
                     {"allow", include},
                     {"pass", include},
                     {"permit", include},
                     {"deny", exclude},
                     {"drop", exclude},
                     {"reject", exclude}});
}

Parsed<PortMatch> parse_ports(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  const auto first = integer(0, kMaxPort).parse(text.substr(0, hyphen));
  if (!first.value) return {std::nullopt, first.hint};
  PortMatch ports{static_cast<std::uint16_t>(*first.value),
                  static_cast<std::uint16_t>(*first.value)};
  if (hyphen == std::string_view::npos) return {ports, ""};
  const auto last = integer(0, kMaxPort).parse(text.substr(hyphen + 1));
  if (!last.value) return {std::nullopt, last.hint};
  ports.last = static_cast<std::uint16_t>(*last.value);
  if (ports.first <= ports.last) return {ports, ""};
  return {std::nullopt,
          fmt::format("the first is above the last: write {}-{}", ports.last, ports.first)};
}

ValueFormat<PortMatch> port_match() {
  return {"a port, or FIRST-LAST, numbers from 0 to 65535", parse_ports, "",
          [](const PortMatch& one) {
            return one.first == one.last ? std::to_string(one.first)
                                         : fmt::format("{}-{}", one.first, one.last);
          }};
}

/// Nothing but digits is an ifIndex: names of interfaces hardly ever are.
Parsed<InterfaceMatch> parse_interface(std::string_view text) {
  if (const auto index = integer(1, kMax32).parse(text).value) {
    return {InterfaceMatch{"", static_cast<std::uint32_t>(*index)}, ""};
  }
  if (text == "0") {
    return {std::nullopt, "0 stands for an interface that is not known, and for this host"};
  }
  auto name = device().parse(text);
  if (!name.value) return {std::nullopt, name.hint};
  return {InterfaceMatch{*std::move(name.value), 0}, ""};
}

ValueFormat<InterfaceMatch> interface_match() {
  return {"the name of an interface, or its ifIndex from 1 to 4294967295", parse_interface, "",
          [](const InterfaceMatch& one) {
            return one.name.empty() ? std::to_string(one.index) : one.name;
          }};
}

/// Conditions on ports never hold for other protocols.
bool wants_ports_of_none(const FilterRule& rule) {
  const bool ports =
      !rule.ports.empty() || !rule.source_ports.empty() || !rule.destination_ports.empty();
  return ports && !rule.protocols.empty() &&
         std::none_of(rule.protocols.begin(), rule.protocols.end(), [](std::uint64_t protocol) {
           return record_value::has_ports(static_cast<std::uint8_t>(protocol));
         });
}

/// Status and metrics call rules by their names or numbers.
std::optional<Complaint> check_rule(const FilterRule& rule) {
  if (wants_ports_of_none(rule)) {
    return Complaint{"protocols",
                     "none of these protocols has ports, so that the rule would never match: add "
                     "tcp or udp, or remove the ports"};
  }
  if (auto complaint = check_families("", rule.networks, rule.sources, rule.destinations)) {
    return complaint;
  }
  if (auto complaint = check_families("post_nat_", rule.post_nat_networks, rule.post_nat_sources,
                                      rule.post_nat_destinations)) {
    return complaint;
  }
  const bool number =
      !rule.name.empty() && rule.name.find_first_not_of("0123456789") == std::string::npos;
  if (number || rule.name == FilteredByRule::kUnmatched || rule.name == FilteredByRule::kEarlier) {
    return Complaint{"name",
                     fmt::format("expected another name, got {}: rules without a name are "
                                 "called by their numbers, and {} and {} are taken",
                                 rule.name, FilteredByRule::kUnmatched, FilteredByRule::kEarlier)};
  }
  return std::nullopt;
}

bool matches_all(const FilterRule& rule) {
  FilterRule without;
  without.name = rule.name;
  without.action = rule.action;
  return rule == without;
}

}  // namespace

Section<FilterRule> filter_rule() {
  using R = FilterRule;
  const std::string networks = "addresses and networks";
  std::vector<Setting<FilterRule>> all{
      value("name", kOptional, identifier(), &R::name),
      value("action", kRequired, action(), &R::action),
  };
  for (const Setting<ConnectionMatch>& one : match_settings()) all.push_back(one);
  const std::vector<Setting<FilterRule>> own{
      words("post_nat_networks", kOptional, networks, network(), &R::post_nat_networks),
      words("post_nat_sources", kOptional, networks, network(), &R::post_nat_sources),
      words("post_nat_destinations", kOptional, networks, network(), &R::post_nat_destinations),
      words("ports", kOptional, "ports", port_match(), &R::ports),
      words("source_ports", kOptional, "ports", port_match(), &R::source_ports),
      words("destination_ports", kOptional, "ports", port_match(), &R::destination_ports),
      words("interfaces", kOptional, "interfaces", interface_match(), &R::interfaces),
      words("ingress_interfaces", kOptional, "interfaces", interface_match(),
            &R::ingress_interfaces),
      words("egress_interfaces", kOptional, "interfaces", interface_match(), &R::egress_interfaces),
      words("zones", kOptional, "conntrack zones", integer(0, kMaxZone), &R::zones),
  };
  all.insert(all.end(), own.begin(), own.end());
  return {all, check_rule};
}

std::optional<Complaint> check_filter(const std::vector<FilterRule>& rules) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].name.empty() && !names.insert(rules[i].name).second) {
      return Complaint{"filter", fmt::format("two rules have the name {}", rules[i].name)};
    }
    if (matches_all(rules[i]) && i + 1 < rules.size()) {
      return Complaint{"filter", fmt::format("rule {} has no conditions and matches everything: no "
                                             "rule behind it would ever decide",
                                             i + 1)};
    }
  }
  const bool includes = std::any_of(rules.begin(), rules.end(), [](const FilterRule& rule) {
    return rule.action == FilterAction::kInclude;
  });
  if (includes || rules.empty() || !matches_all(rules.back())) return std::nullopt;
  return Complaint{"filter",
                   "every rule excludes, and the last one everything: nothing would be "
                   "left; add a rule with action: include, or remove the last"};
}

}  // namespace ctflow::config
