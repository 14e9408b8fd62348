// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/interface_check.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <map>
#include <set>
#include <vector>

namespace ctflow {
namespace {

/// Outputs whose filters name an interface, by its name.
using NamedBy = std::map<std::string, std::set<std::string>>;

void add_names(const std::vector<FilterRule>& filter, const std::string& output, NamedBy& all) {
  for (const FilterRule& rule : filter) {
    for (const auto* const list :
         {&rule.interfaces, &rule.ingress_interfaces, &rule.egress_interfaces}) {
      for (const InterfaceMatch& one : *list) {
        if (!one.name.empty()) all[one.name].insert(output);
      }
    }
  }
}

}  // namespace

bool interface_exists(const std::string& name) { return if_nametoindex(name.c_str()) != 0; }

Findings check_filter_interfaces(const Config& config,
                                 const std::function<bool(const std::string&)>& exists) {
  NamedBy all;
  for (const auto& one : config.collectors) add_names(one.filter, one.name, all);
  for (const auto& one : config.groups) add_names(one.filter, one.name, all);
  for (const auto& one : config.log_connections) add_names(one.filter, one.name, all);
  Findings found;
  for (const auto& [name, outputs] : all) {
    if (exists(name)) continue;
    found.notes.push_back({"filter_interface_missing",
                           fmt::format("there is no interface {}, which the filter of {} names: "
                                       "until there is one, its rule matches no flow report",
                                       name, fmt::join(outputs, ", ")),
                           "ip link; correct the name, if it never comes up"});
  }
  return found;
}

}  // namespace ctflow
