// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what the measuring programs send: one JSON object per line, named like the members of
// bpf/measurement.h. The guest tests of tests/kernel read it.
#include <arpa/inet.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include "control.hpp"
#include "extras/from_bpf/tracing_programs.hpp"
#include "measured_json.hpp"
#include "netfilter_measurement.hpp"
#include "netlink/conntrack_settings.hpp"
#include "process/beside.hpp"

namespace {

std::string address(const ctflow_tuple& tuple, const std::uint8_t* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(tuple.family, octets, text.data(), text.size());
  return text.data();
}

Json json_of(const ctflow_tuple& tuple) {
  return {{"source", address(tuple, tuple.source)},
          {"destination", address(tuple, tuple.destination)},
          {"source_port", ntohs(tuple.source_port)},
          {"destination_port", ntohs(tuple.destination_port)},
          {"family", tuple.family},
          {"protocol", tuple.protocol}};
}

Json json_of(const ctflow_record& record) {
  return {
      {"event", record.event},
      {"present", record.present},
      {"connection", record.connection},
      {"time", record.time},
      {"start", record.start},
      {"stop", record.stop},
      {"conntrack_packets", record.conntrack_packets},
      {"conntrack_octets", record.conntrack_octets},
      {"netns", record.netns},
      {"timeout", record.timeout},
      {"status", record.status},
      {"mark", record.mark},
      {"port_id", record.port_id},
      {"zone", record.zone},
      {"zone_direction", record.zone_direction},
      {"state", record.state},
      {"reason", record.reason},
      {"tuple", {json_of(record.tuple[0]), json_of(record.tuple[1])}},
      {"measured", json_of(record.measured)},
  };
}

struct Options {
  std::vector<std::string> netns;
  double interval = 0;
  bool netfilter = false;
  std::string settings = ctflow::kSettingsDirectory;
  bool no_created = false;
  bool quiet = false;
  double sweep = 0.2;
  ctflow::MeasuringSizes sizes;
};

std::uint64_t inode(const std::string& name) {
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos)
    return std::stoull(name);
  struct stat status {};
  if (::stat(name.c_str(), &status) != 0) throw std::runtime_error(name + ": no such namespace");
  return status.st_ino;
}

class Measurement {
 public:
  explicit Measurement(const Options& options) : options_(options), programs_(options.sizes) {
    if (std::string obstacle = programs_.load(); !obstacle.empty())
      throw std::runtime_error(obstacle);
    const ctflow::Watch watch{
        .interval = std::chrono::nanoseconds(static_cast<std::int64_t>(options.interval * 1e9)),
        .created = !options.no_created};
    for (const std::string& name : options.netns) {
      namespaces_.push_back(inode(name));
      if (std::string error = programs_.watch(namespaces_.back(), watch); !error.empty())
        throw std::runtime_error(error);
    }
    print({{"attached", true}, {"flowtable", programs_.sees_flowtables()}});
  }

  /// Until a signal comes.
  void run() {
    auto swept = std::chrono::steady_clock::now();
    for (bool going = true; going;) {
      going = control_.wait(held_ ? -1 : programs_.descriptor(),
                            std::chrono::duration<double>(options_.sweep));
      if (!held_) read_records();
      control_.read_commands([this](const std::string& command) { obey(command); });
      const auto now = std::chrono::steady_clock::now();
      if (now - swept >= std::chrono::duration<double>(options_.sweep) &&
          !ctflow::still_runs(sweeping_)) {
        sweeping_ = programs_.sweep();
        swept = now;
      }
    }
    read_records();
    print_losses();
  }

 private:
  void read_records() {
    const auto take = [this](const ctflow_record& record) {
      ++records_;
      if (!options_.quiet) print(json_of(record));
    };
    while (programs_.consume(take, 1000) == 1000) {
    }
  }

  void obey(const std::string& command) {
    if (command == "dump") {
      Json all = Json::array();
      programs_.dump(
          [&all](std::uint64_t connection, std::uint64_t netns, const ctflow_measured& measured) {
            all.push_back(
                {{"connection", connection}, {"netns", netns}, {"measured", json_of(measured)}});
          });
      print({{"dump", all}});
    } else if (command == "losses") {
      print_losses();
    } else if (command == "hold" || command == "read") {
      held_ = command == "hold";
    } else if (command == "living") {
      programs_.report_all(namespaces_.front(), ~std::uint64_t{0});
    } else {
      std::cerr << "measure: unknown command " << command << '\n';
    }
  }

  void print_losses() const {
    ctflow::RecordLosses sum{};
    for (const std::uint64_t netns : namespaces_) {
      const ctflow::RecordLosses losses = programs_.losses(netns);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += losses[i];
    }
    print({{"losses", sum},
           {"missed_runs", programs_.missed_runs().packets},
           {"missed_ends", programs_.missed_runs().ends},
           {"records", records_}});
  }

  const Options& options_;
  ctflow::TracingPrograms programs_;
  Control control_;
  std::future<bool> sweeping_;
  std::vector<std::uint64_t> namespaces_;
  std::uint64_t records_ = 0;
  bool held_ = false;
};

}  // namespace

int main(int count, char** words) {
  // Standard output has nothing but JSON.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("measure"));
  Options options;
  CLI::App app{
      "Measures connections by eBPF and prints each record as one line of JSON.\n"
      "First comes {\"attached\": true}, at SIGTERM {\"losses\": [ended, reported, created, "
      "unmeasured]}.\n"
      "Commands on standard input: dump (what is in the map), losses, living (report all), "
      "hold (leave the ring alone until read)."};
  app.add_flag(
      "--netfilter", options.netfilter,
      "By programs at netfilter's hooks, of the own namespace: each end that ctnetlink tells "
      "of is a line, which has the message. Of the options only --settings and --verbose");
  app.add_option("--settings", options.settings,
                 "Where nf_conntrack_max is read, with --netfilter");
  app.add_option("--netns", options.netns,
                 "Network namespaces: inode numbers or files (default: the own one)");
  app.add_option("--interval", options.interval, "Active timeout, seconds; 0 = none");
  app.add_flag("--no-created", options.no_created, "No records of connections that begin");
  app.add_flag("--quiet", options.quiet, "Count records instead of printing them");
  app.add_option("--sweep", options.sweep, "Seconds between sweeps for silent connections");
  app.add_flag_callback(
      "--verbose", [] { spdlog::set_level(spdlog::level::debug); },
      "What libbpf and the verifier say, on standard error");
  app.add_option("--size", options.sizes.connections,
                 "Entries of the map (default: nf_conntrack_max)");
  app.add_option("--ring", options.sizes.ring_octets, "Octets of the ring buffer");
  CLI11_PARSE(app, count, words);
  if (options.netns.empty()) options.netns.emplace_back("/proc/self/ns/net");
  try {
    if (options.netfilter) {
      NetfilterMeasurement(options.settings).run();
    } else {
      Measurement(options).run();
    }
  } catch (const std::exception& error) {
    std::cerr << "measure: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
