// SPDX-License-Identifier: GPL-2.0-or-later
// What accounting costs, with times that are made up.
//
// accounting_rows flash FILE [DEVICES [DAYS [COMMIT_MINUTES]]]
//   octets written in a day, where every device has traffic in every minute. FILE is not in a
//   tmpfs, which counts nothing.
// accounting_rows year FILE [DEVICES]
//   a database as it is after a year; `time ctflowd report --since 30d --by device --database FILE`
//   asks it.
// accounting_rows page FILE [KEYS]
//   how long a reading for the page takes, of a month
// accounting_rows memory [KEYS]
//   resident memory with so many keys of two minutes
// accounting_rows cost FILE [FLOWS [HOSTS [KEYS...]]]
//   CPU time of flow reports of so many hosts, with an aggregate for each key (none: device).
//   `valgrind --tool=callgrind --toggle-collect='ctflow::Accounting::offer*'` counts instructions.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "accounting/accounting.hpp"
#include "accounting/accounts.hpp"
#include "accounting/store.hpp"
#include "page/read_usage.hpp"

namespace {

using namespace ctflow;
using namespace ctflow::accounting;
using std::chrono::minutes;

/// A value of /proc/self/io or /proc/self/status.
std::uint64_t value_in(const std::string& file, const std::string& name) {
  std::ifstream stream(file);
  for (std::string word; stream >> word;) {
    std::uint64_t value = 0;
    if (word == name + ":" && stream >> value) return value;
  }
  return 0;
}

AccountingConfig configuration(const std::string& file, std::uint64_t most) {
  AccountingConfig config;
  config.database = file;
  config.time_zone = "UTC0";
  AggregateConfig devices;
  devices.name = "devices";
  devices.by = {AccountingKey::kDevice};
  devices.max_keys = most;
  config.aggregates = {devices};
  return config;
}

/// Puts a report of a device into a batch: of so many seconds up to `now`.
class Reports {
 public:
  explicit Reports(const Accounts& accounts) : accounts_(accounts) {
    surroundings_.add_inside({AddressFamily::kIpv4, IpAddress{{10}}, 8});
    flow_.original.family = AddressFamily::kIpv4;
    flow_.original.source = IpAddress{{10}};
    flow_.original.protocol = 6;
    flow_.reply.source = IpAddress{{198, 51, 100, 1}};
    flow_.original_counters = {10, 1000};
    flow_.reply_counters = {100, 100'000};
  }

  void add(std::uint32_t device, TimePoint now, std::chrono::seconds time, Batch& to) {
    for (unsigned i = 1; i < 4; ++i) {
      flow_.original.source.octets.at(i) = static_cast<std::uint8_t>(device >> (24 - 8 * i));
    }
    if (time > std::chrono::seconds(0)) {
      neighbours_.apply({AddressFamily::kIpv4, flow_.original.source, 1, device + 1}, now);
    }
    flow_.start = now - time;
    flow_.end = now;
    const Classified seen = classify(flow_, places_.of(surroundings_, flow_), accounts_.names(),
                                     neighbours_, accounts_.any());
    accounts_.add(seen, flow_, now, to);
  }

 private:
  const Accounts& accounts_;
  Surroundings surroundings_;
  RecentPlaces places_;
  Neighbours neighbours_;
  Flow flow_;
};

/// Transactions, with the clock of the simulation.
class Simulation {
 public:
  Simulation(const std::string& file, TimePoint begin)
      : config_(configuration(file, 10'000)),
        accounts_(std::make_shared<Accounts>(config_)),
        reports_(*accounts_),
        now_{begin, MonoTime(std::chrono::hours(1))} {
    Session session;
    session.started = begin;
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  }

  /// `step` later: one transaction with a report of each device for each `every` of it.
  void pass(minutes step, minutes every, std::uint32_t devices) {
    Job job;
    job.batch = std::make_unique<Batch>(config_);
    for (minutes at = every; at <= step; at += every) {
      for (std::uint32_t i = 0; i < devices; ++i) {
        reports_.add(i, now_.wall + at, std::chrono::seconds(50), *job.batch);
      }
    }
    now_.wall += step;
    now_.steady += step;
    job.now = now_;
    store_->write(job);
  }

 private:
  AccountingConfig config_;
  std::shared_ptr<const Accounts> accounts_;
  Reports reports_;
  std::unique_ptr<Store> store_;
  Instant now_;
};

int flash(const std::string& file, std::uint32_t devices, int days, minutes commit) {
  constexpr double kMebi = 1024.0 * 1024.0;
  const char* const io = "/proc/self/io";
  Simulation simulation(file, std::chrono::sys_days(std::chrono::year(2026) / 11 / 1));
  std::uint64_t before = 0;
  std::uint64_t handed_before = 0;
  constexpr int kWarm = 3;  // days after which minutes are removed as fast as they are added
  for (int day = 0; day < kWarm + days; ++day) {
    if (day == kWarm) {
      before = value_in(io, "write_bytes");
      handed_before = value_in(io, "wchar");
    }
    for (minutes at(0); at < std::chrono::hours(24); at += commit) {
      simulation.pass(commit, minutes(1), devices);
    }
  }
  const auto per_day = [&](std::uint64_t octets) {
    return static_cast<double>(octets) / days / kMebi;
  };
  std::cout << fmt::format(
      "{} devices, a transaction every {} min: {:.1f} MiB a day written to the disk, {:.1f} MiB "
      "handed to the kernel\n",
      devices, commit.count(), per_day(value_in(io, "write_bytes") - before),
      per_day(value_in(io, "wchar") - handed_before));
  return 0;
}

/// Of each level as many rows as stay after a year: reports that are pruned are left out.
int year(const std::string& file, std::uint32_t devices) {
  const auto today = std::chrono::floor<minutes>(std::chrono::system_clock::now());
  const std::chrono::hours day(24);
  Simulation simulation(file, today - 365 * day);
  for (int i = 0; i < 365 - 36; ++i) simulation.pass(day, day, devices);
  for (int i = 0; i < 34 * 24; ++i) {
    simulation.pass(std::chrono::hours(1), std::chrono::hours(1), devices);
  }
  for (int i = 0; i < 2 * 24; ++i) simulation.pass(std::chrono::hours(1), minutes(1), devices);
  return 0;
}

int memory(std::uint32_t keys) {
  const char* const status = "/proc/self/status";
  const AccountingConfig config = configuration("", keys);
  const Accounts accounts(config);
  Reports reports(accounts);
  const auto before = value_in(status, "VmRSS");
  std::array<Batch, 2> batches{Batch(config), Batch(config)};  // one is added to, one is written
  const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 1);
  for (Batch& batch : batches) {
    for (minutes at(0); at < minutes(2); ++at) {
      for (std::uint32_t i = 0; i < keys; ++i) {
        reports.add(i, now + at, std::chrono::seconds(0), batch);
      }
    }
  }
  std::cout << fmt::format("{} keys: {:.1f} MiB, {} rows wait\n", keys,
                           static_cast<double>(value_in(status, "VmRSS") - before) / 1024.0,
                           batches[0].rows() + batches[1].rows());
  return 0;
}

/// What one reading for the page takes, of a thread of its own.
int page_reading(const std::string& file, std::uint32_t keys) {
  const auto now = std::chrono::floor<minutes>(std::chrono::system_clock::now());
  const std::chrono::hours day(24);
  Simulation simulation(file, now - 32 * day);
  for (int i = 0; i < 31; ++i) simulation.pass(day, day, keys);
  for (int i = 0; i < 24; ++i) {
    simulation.pass(std::chrono::hours(1), std::chrono::hours(1), keys);
  }
  for (int i = 0; i < 5; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const page::UsageValues values = page::read_usage(configuration(file, keys), "", now);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::cout << fmt::format("{} keys: {:.0f} ms, {} rows shown, {} hours {}\n", keys, took.count(),
                             values.tables.at(0).rows.size(), values.course.size(), values.error);
  }
  std::cout << fmt::format("resident {} KiB\n", value_in("/proc/self/status", "VmRSS"));
  return 0;
}

double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  constexpr double kNano = 1e-9;
  return static_cast<double>(used.tv_sec) + kNano * static_cast<double>(used.tv_nsec);
}

std::vector<AggregateConfig> aggregates_of(const std::vector<std::string>& words) {
  std::vector<AggregateConfig> aggregates;
  for (const std::string& word : words) {
    for (const AccountingKeyWord& known : kAccountingKeyWords) {
      if (word != known.word) continue;
      aggregates.emplace_back().name = word;
      aggregates.back().by = {known.key};
    }
  }
  return aggregates;
}

/// Answered connections of two seconds from inside to 200 servers, as those of
/// tests/budget/made_events.py, offered as by the daemon, in the time that they take. Neighbours
/// are those of this network namespace.
int cost(const std::string& file, std::uint32_t flows, std::uint32_t hosts,
         const std::vector<std::string>& keys) {
  AccountingConfig config = configuration(file, 10'000);
  if (!keys.empty()) config.aggregates = aggregates_of(keys);
  config.commit_interval = std::chrono::hours(1);  // at the beginning, and at the stop
  const auto surroundings = std::make_shared<Surroundings>();
  surroundings->add_inside({AddressFamily::kIpv4, IpAddress{{10}}, 8});
  surroundings->add_own(AddressFamily::kIpv4, IpAddress{{10, 0, 0, 1}});
  surroundings->add_own(AddressFamily::kIpv4, IpAddress{{203, 0, 113, 7}});
  boost::asio::io_context io;
  const auto neighbours = std::make_shared<NeighbourMirror>(io, NetworkNamespace());
  io.run_for(std::chrono::milliseconds(100));
  Accounting accounting(
      config, [&] { return surroundings; }, std::make_shared<OutputContext>(), system_now,
      neighbours);
  accounting.tick();
  Flow flow;
  flow.original.family = AddressFamily::kIpv4;
  flow.original.source = IpAddress{{10}};
  flow.reply.source = IpAddress{{198, 51, 100, 0}};
  flow.reply.source_port = 443;
  const Instant began = system_now();
  const double used = processor_seconds();
  for (std::uint32_t i = 0; i < flows; ++i) {
    const std::uint32_t host = 2 + i % hosts;
    flow.original.source.octets[2] = static_cast<std::uint8_t>(host >> 8);
    flow.original.source.octets[3] = static_cast<std::uint8_t>(host);
    flow.reply.source.octets[3] = static_cast<std::uint8_t>(i % 200);
    flow.original.protocol = flow.reply.protocol = i % 3 == 0 ? 6 : 17;
    flow.original_counters = {2 + i % 50, (2 + i % 50) * 80};
    flow.reply_counters = {3 + i % 50, (3 + i % 50) * 900};
    flow.end = began.wall;
    flow.start = flow.end - std::chrono::seconds(2);
    accounting.offer(flow, began);
  }
  const double offered = processor_seconds();
  accounting.stop();
  const double written = processor_seconds();
  constexpr double kNano = 1e9;
  std::cout << fmt::format(
      "{} flow reports of {} hosts, {} neighbours, {} aggregates: {:.0f} ns each to count, {:.0f} "
      "ns each to write and settle\n",
      flows, hosts, neighbours->table().size(), config.aggregates.size(),
      (offered - used) * kNano / flows, (written - offered) * kNano / flows);
  return accounting.status(system_now()).counters.flows == flows ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const auto number = [&](std::size_t at, unsigned long otherwise) {
    return static_cast<std::uint32_t>(words.size() > at ? std::stoul(words[at]) : otherwise);
  };
  if (words.size() > 1 && words[1] == "memory") return memory(number(2, 10'000));
  if (words.size() > 2 && words[1] == "flash") {
    return flash(words[2], number(3, 50), static_cast<int>(number(4, 2)), minutes(number(5, 15)));
  }
  if (words.size() > 2 && words[1] == "year") return year(words[2], number(3, 200));
  if (words.size() > 2 && words[1] == "cost") {
    const auto keys =
        words.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(5, words.size()));
    return cost(words[2], number(3, 100'000), number(4, 200), {keys, words.end()});
  }
  if (words.size() > 2 && words[1] == "page") return page_reading(words[2], number(3, 10'000));
  std::cerr
      << "usage: accounting_rows flash FILE [DEVICES [DAYS [COMMIT_MINUTES]]] | year FILE "
         "[DEVICES] | page FILE [KEYS] | memory [KEYS] | cost FILE [FLOWS [HOSTS [KEYS...]]]\n";
  return 2;
}
