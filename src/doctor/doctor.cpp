// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <system_error>

#include "ctflow/config.hpp"
#include "doctor/collector_check.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/fragment_check.hpp"
#include "doctor/place_check.hpp"
#include "doctor/system_check.hpp"
#include "doctor/tracking_check.hpp"
#include "doctor/user_check.hpp"
#include "enrich/routing/routing_mirror.hpp"
#include "extras/find_extras.hpp"
#include "netlink/configured_namespaces.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {
namespace {

const char* describe(const Capabilities& measured) {
  if (!measured.possible()) {
    return "stock kernel: end times are estimated from the timeouts, interfaces follow from the "
           "routes, counters are conntrack's own";
  }
  if (!measured.active()) return "patched kernel, measuring is off";
  if (!measured.counters) {
    return "patched kernel: times, interfaces, TCP flags and end reasons are exact for connections "
           "that began since it was switched on; counters are conntrack's own "
           "(source.wire_counters: false)";
  }
  return "patched kernel: times, interfaces, TCP flags, end reasons and packets as on the wire "
         "are exact for connections that began since it was switched on";
}

/// What of the kernel's routing interfaces can be told from. Read here as the daemon reads it.
std::string describe_routes() {
  constexpr std::chrono::seconds kLongestWait{10};
  boost::asio::io_context io;
  try {
    RoutingMirror mirror(io);
    mirror.start();
    const auto latest = std::chrono::steady_clock::now() + kLongestWait;
    while (!mirror.loaded() && std::chrono::steady_clock::now() < latest) {
      io.run_one_for(std::chrono::milliseconds(100));
    }
    if (!mirror.loaded()) return "the kernel does not tell them";
    const RoutingState& state = mirror.state();
    std::string text =
        fmt::format("{} in {} interfaces, {} of them VRFs, chosen by {} rules", state.routes(),
                    state.interfaces(), state.vrfs().size(), state.rules());
    if (state.undecidable_rules() > 0) {
      text += fmt::format(", {} of which ask for what conntrack does not know and are passed over",
                          state.undecidable_rules());
    }
    return text;
  } catch (const std::system_error& error) {
    return error.what();
  }
}

using Json = nlohmann::ordered_json;

Json findings_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const Finding& one : findings) {
    out.push_back({{"name", one.event}, {"impact", one.impact}, {"fix", one.fix}});
  }
  return out;
}

void tell_json(const Diagnosis& diagnosis, std::ostream& out) {
  const Findings& found = diagnosis.findings;
  Json json{{"findings", findings_json(found.wrong)},
            {"notes", findings_json(found.notes)},
            {"unchecked", found.unchecked},
            {"facts", Json::object()}};
  for (const Diagnosis::Fact& fact : diagnosis.facts) json["facts"][fact.name] = fact.text;
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

/// The configuration; nothing when there is none, which is told.
std::optional<Config> find_config(const DoctorQuestion& question, Diagnosis& diagnosis) {
  if (!question.config_required && !std::filesystem::exists(question.config)) {
    diagnosis.facts.push_back({"configuration", question.config +
                                                    " is not there: defaults are taken, and no "
                                                    "collector is checked (give it with -c)"});
    return std::nullopt;
  }
  Config config = load_config(question.config);
  diagnosis.facts.push_back({"configuration", fmt::format("{}: {} collectors", question.config,
                                                          config.collectors.size())});
  return config;
}

/// In the namespace that this thread is in.
Findings examine_here(const SourceConfig& config) {
  Findings found = check_tracking(config);
  found.add(check_fragments(read_fragments()));
  return found;
}

/// The connection tracking of each namespace that the daemon would watch.
Findings examine_tracking(const Config& config) {
  if (config.namespaces.empty()) return examine_here(config.source);
  Findings all;
  if (const std::string twice = exported_twice(config.namespaces); !twice.empty()) {
    all.wrong.push_back({"namespace_twice", twice, "correct namespaces: and reload"});
  }
  for (const NamespaceConfig& one : config.namespaces) {
    try {
      const NetworkNamespace there(file_of(one));
      const auto visit = there.visit();
      Findings found = examine_here(config.source);
      for (std::vector<Finding>* list : {&found.wrong, &found.notes}) {
        for (Finding& finding : *list) {
          finding.impact = "namespace " + one.name + ": " + finding.impact;
        }
      }
      all.add(std::move(found));
    } catch (const std::system_error& error) {
      all.wrong.push_back({"namespace_unreachable",
                           "namespace " + one.name + " cannot be entered: " + error.what(),
                           "ip netns list; entering needs CAP_SYS_ADMIN"});
    }
  }
  return all;
}

std::string nothing_against(const CollectorConfig& collector) {
  if (collector.transport == TransportKind::kFile) {
    return "files go to " + collector.file.directory;
  }
  const bool datagrams = collector.transport == TransportKind::kUdp;
  return fmt::format("{} {} port {}", datagrams ? "nothing speaks against" : "takes connections at",
                     collector.address, collector.port);
}

void examine_collectors(const Config& config, Diagnosis& diagnosis) {
  diagnosis.findings.add(check_places(config));
  for (const CollectorConfig& collector : config.collectors) {
    Findings found = check_collector(collector, config.status);
    if (found.wrong.empty()) {
      diagnosis.facts.push_back({"collector " + collector.name, nothing_against(collector)});
    }
    diagnosis.findings.add(std::move(found));
  }
}

}  // namespace

Diagnosis examine_kernel(const SourceConfig& config, const std::string& directory) {
  Diagnosis diagnosis;
  diagnosis.facts.push_back({"kernel", describe(find_capabilities(config, directory))});
  diagnosis.facts.push_back({"routes", describe_routes()});
  return diagnosis;
}

Diagnosis examine(const DoctorQuestion& question) {
  Diagnosis given;
  const std::optional<Config> config = find_config(question, given);
  const SourceConfig source = config ? config->source : SourceConfig();
  Diagnosis diagnosis = examine_kernel(source);
  diagnosis.facts.insert(diagnosis.facts.end(), given.facts.begin(), given.facts.end());
  Findings& findings = diagnosis.findings;
  findings.add(check_capabilities());
  findings.add(config ? examine_tracking(*config) : examine_here(source));
  findings.add(check_receive_buffer(
      source,
      granted_receive_buffer(std::max(source.receive_buffer, source.receive_buffer_limit))));
  findings.add(check_clock(read_clock()));
  if (!find_capabilities(source).counters) findings.add(check_merging(merging_interfaces()));
  findings.add(check_namespace());
  if (config) findings.add(check_configuration(*config));
  if (config) findings.add(check_user_rights(*config, question.config));
  if (config) examine_collectors(*config, diagnosis);
  return diagnosis;
}

void tell(const Diagnosis& diagnosis, bool json, std::ostream& out) {
  if (json) {
    tell_json(diagnosis, out);
    return;
  }
  const Findings& found = diagnosis.findings;
  for (const Diagnosis::Fact& fact : diagnosis.facts) out << fact.name << ": " << fact.text << '\n';
  for (const Finding& one : found.wrong) {
    out << one.event << ": " << one.impact << "\n  fix: " << one.fix << '\n';
  }
  for (const Finding& one : found.notes) {
    out << "note " << one.event << ": " << one.impact << "\n  change: " << one.fix << '\n';
  }
  for (const std::string& what : found.unchecked) out << "not checked: " << what << '\n';
  if (found.wrong.empty()) out << "nothing to mend\n";
}

int exit_status(const Diagnosis& diagnosis) {
  if (!diagnosis.findings.wrong.empty()) return 1;
  return diagnosis.findings.unchecked.empty() ? 0 : 2;
}

}  // namespace ctflow
