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
#include "doctor/boot_check.hpp"
#include "doctor/collector_check.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/fragment_check.hpp"
#include "doctor/interface_check.hpp"
#include "doctor/log_check.hpp"
#include "doctor/measuring_check.hpp"
#include "doctor/place_check.hpp"
#include "doctor/public_status_check.hpp"
#include "doctor/service_check.hpp"
#include "doctor/system_check.hpp"
#include "doctor/tracking_check.hpp"
#include "doctor/user_check.hpp"
#include "enrich/routing/routing_mirror.hpp"
#include "findings/finding_text.hpp"
#include "netlink/configured_namespaces.hpp"
#include "netlink/network_namespace.hpp"
#include "text/escape.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

/// The kernel's routing tables, from which interfaces are derived. Read as the daemon reads them.
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
    if (!mirror.loaded()) return "the kernel did not answer";
    return routes_text(mirror.state());
  } catch (const std::system_error& error) {
    return error.what();
  }
}

using Json = nlohmann::ordered_json;

void print_json(const Diagnosis& diagnosis, std::ostream& out) {
  const Findings& found = diagnosis.findings;
  Json json{{"findings", findings_json(found.wrong)},
            {"notes", findings_json(found.notes)},
            {"unchecked", found.unchecked},
            {"facts", Json::object()}};
  for (const Diagnosis::Fact& fact : diagnosis.facts) json["facts"][fact.name] = fact.text;
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

/// The configuration. Nothing, and noted, when there is none.
std::optional<Config> find_config(const DoctorOptions& options, Diagnosis& diagnosis) {
  std::error_code unknown;  // one that this user may not look for is read below, which says so
  if (!options.config_required && !std::filesystem::exists(options.config, unknown) && !unknown) {
    diagnosis.facts.push_back({"configuration", options.config +
                                                    " does not exist: defaults are used, and no "
                                                    "collector is checked (set it with -c)"});
    return std::nullopt;
  }
  Config config = load_config(options.config);
  std::string text =
      options.config + ": " + text::count_text(config.collectors.size(), "collector", "collectors");
  if (const std::size_t logs = config.log_connections.size(); logs > 0) {
    text += ", " + text::count_text(logs, "connection log", "connection logs");
  }
  diagnosis.facts.push_back({"configuration", text});
  return config;
}

/// The network namespace that this thread is in.
Findings examine_here(const Config& config, const Capabilities& measured) {
  Findings found = check_tracking(config.source, measured);
  found.add(check_fragments(read_fragments()));
  found.add(check_filter_interfaces(config));
  return found;
}

/// The connection tracking of each network namespace that the daemon would export.
Findings examine_tracking(const Config& config, MeasuringCheck& measuring,
                          const Capabilities& here) {
  if (config.namespaces.empty()) return examine_here(config, here);
  Findings all;
  if (const std::string twice = exported_twice(config.namespaces); !twice.empty()) {
    all.wrong.push_back({"namespace_twice", twice, "correct namespaces: and reload"});
  }
  for (const NamespaceConfig& one : config.namespaces) {
    try {
      const NetworkNamespace there(file_of(one));
      const auto visit = there.visit();
      Findings found = examine_here(config, measuring.find(config.source).capabilities);
      set_subject(found.wrong, 0, one.name);
      set_subject(found.notes, 0, one.name);
      all.add(std::move(found));
    } catch (const std::system_error& error) {
      all.wrong.push_back({"namespace_unreachable",
                           std::string("the network namespace cannot be entered: ") + error.what(),
                           "ip netns list; entering needs CAP_SYS_ADMIN", one.name});
    }
  }
  return all;
}

std::string describe(const CollectorConfig& collector) {
  if (collector.transport == TransportKind::kFile) {
    return "files go to " + collector.file.directory;
  }
  const char* done = collector.transport == TransportKind::kUdp ? "no errors sending to"
                                                                : "accepts connections at";
  return fmt::format("{} {} port {}", done, collector.address, collector.port);
}

void examine_collectors(const Config& config, Diagnosis& diagnosis) {
  diagnosis.findings.add(check_places(config));
  for (const CollectorConfig& collector : config.collectors) {
    Findings found = check_collector(collector, config.status);
    if (found.wrong.empty()) {
      diagnosis.facts.push_back({"collector " + collector.name, describe(collector)});
    }
    diagnosis.findings.add(std::move(found));
  }
  diagnosis.findings.add(check_log_readers(config));
}

}  // namespace

std::string routes_text(const RoutingState& state) {
  std::string text =
      fmt::format("{} in {}, {}, chosen by {}", text::count_text(state.routes()),
                  text::count_text(state.interfaces(), "interface", "interfaces"),
                  text::count_text(state.vrfs().size(), "of them a VRF", "of them VRFs"),
                  text::count_text(state.rules(), "rule", "rules"));
  if (state.undecidable_rules() > 0) {
    text += fmt::format(
        ", {} on packet fields and {} ignored",
        text::count_text(state.undecidable_rules(), "of which matches", "of which match"),
        state.undecidable_rules() == 1 ? "is" : "are");
  }
  return text;
}

Diagnosis examine_kernel(const Measuring& measuring) {
  Diagnosis diagnosis;
  diagnosis.facts.push_back({"kernel", describe(measuring)});
  diagnosis.facts.push_back({"routes", describe_routes()});
  return diagnosis;
}

Diagnosis examine(const DoctorOptions& options) {
  Diagnosis given;
  const std::optional<Config> config = find_config(options, given);
  const SourceConfig source = config ? config->source : SourceConfig();
  MeasuringCheck measuring;
  const Measuring here = measuring.find(source);
  Diagnosis diagnosis = examine_kernel(here);
  diagnosis.facts.insert(diagnosis.facts.end(), given.facts.begin(), given.facts.end());
  Findings& findings = diagnosis.findings;
  findings.add(check_capabilities());
  findings.add(check_service(config.value_or(Config()), here.capabilities));
  findings.add(examine_tracking(config.value_or(Config()), measuring, here.capabilities));
  findings.add(check_receive_buffer(
      source,
      granted_receive_buffer(std::max(source.receive_buffer, source.receive_buffer_limit))));
  findings.add(check_clock(read_clock()));
  if (!here.capabilities.counters) findings.add(check_merging(merging_interfaces()));
  findings.add(check_namespace());
  if (!config || config->namespaces.empty()) findings.add(check_boot());
  if (config) findings.add(check_configuration(*config));
  if (config) findings.add(check_public_status(config->status, addresses_of_this_host()));
  if (config) findings.add(check_user_rights(*config, options.config));
  if (config) examine_collectors(*config, diagnosis);
  return diagnosis;
}

void print(const Diagnosis& diagnosis, bool json, std::ostream& out) {
  if (json) {
    print_json(diagnosis, out);
    return;
  }
  const Findings& found = diagnosis.findings;
  for (const Diagnosis::Fact& fact : diagnosis.facts) {
    out << fact.name << ": " << text::printable(fact.text) << '\n';
  }
  for (const Finding& one : found.wrong) out << finding_text(one);
  for (const Finding& one : found.notes) out << "note " << finding_text(one);
  for (const std::string& what : found.unchecked) {
    out << "not checked: " << text::printable(what) << '\n';
  }
  if (found.wrong.empty()) out << "no problems found\n";
}

int exit_status(const Diagnosis& diagnosis) {
  if (!diagnosis.findings.wrong.empty()) return 1;
  return diagnosis.findings.unchecked.empty() ? 0 : 2;
}

}  // namespace ctflow
