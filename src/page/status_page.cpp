// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/status_page.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <system_error>
#include <utility>
#include <variant>

#include "observe/collector_problems.hpp"
#include "observe/problems.hpp"
#include "page/read_usage.hpp"
#include "page/render.hpp"
#include "text/time_text.hpp"
#include "version/built_parts.hpp"

namespace ctflow::page {
namespace {

std::string host_name() {
  constexpr std::size_t kLongest = 256;
  std::array<char, kLongest> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

OutputValues output_values(const OutputStatus& one) {
  OutputValues values;
  values.name = one.name;
  values.peer = one.peer;
  const CollectorState state = state_of(one);
  values.state = name_of(state);
  values.good = state == CollectorState::kOk;
  values.sent = one.counters.flows;
  values.waiting = one.counters.waiting.flows;
  values.lost = one.counters.lost();
  return values;
}

NamespaceValues namespace_values(const NamespaceStatus& one) {
  NamespaceValues values;
  values.name = one.name;
  values.events_per_second = one.rates.per_second[1];
  values.ended = one.source.ended;
  values.exported = one.pipeline.exported;
  values.dropped = one.source.lost_overrun + one.source.lost_ends + one.source.lost_beginnings;
  values.no_counters = one.pipeline.lost_no_counters;
  values.table_entries = one.table_entries;
  values.table_limit = one.table_limit;
  values.outputs.reserve(one.outputs.size());
  for (const OutputStatus& output : one.outputs) values.outputs.push_back(output_values(output));
  return values;
}

/// The network namespaces that are counted.
std::vector<std::string> counted_namespaces(const Status& status) {
  std::vector<std::string> names;
  for (const NamespaceStatus& one : status.namespaces) {
    const auto counts = [](const OutputStatus& output) {
      return std::holds_alternative<AccountingStatus>(output.details);
    };
    if (std::any_of(one.outputs.begin(), one.outputs.end(), counts)) names.push_back(one.name);
  }
  return names;
}

}  // namespace

/// Shared by the event loop and the thread.
struct StatusPage::Reading {
  std::mutex mutex;
  std::optional<std::vector<UsageValues>> read{};
  MonoTime read_at{};
};

PageValues values_of(const Status& status) {
  PageValues values;
  values.version = status.version;
  values.time = text::second_text(std::chrono::floor<std::chrono::seconds>(status.now)) + " UTC";
  values.problems = find_problems(status);
  values.namespaces.reserve(status.namespaces.size());
  for (const NamespaceStatus& one : status.namespaces) {
    values.namespaces.push_back(namespace_values(one));
  }
  return values;
}

StatusPage::StatusPage(Questions questions)
    : questions_(std::move(questions)), reading_(std::make_shared<Reading>()) {}

StatusPage::~StatusPage() {
  constexpr std::chrono::seconds kPatience{1};  // for a slow disk
  thread_.ended_within(kPatience);
}

void StatusPage::begin_reading(const AccountingConfig& config,
                               const std::vector<std::string>& names) {
  constexpr std::chrono::seconds kAge{8};
  const MonoTime now = system_now().steady;
  if ((began_ && now - *began_ < kAge) || thread_.running()) return;
  began_ = now;
  const auto work = [reading = reading_, config, names] {
    std::vector<UsageValues> read;
    read.reserve(names.size());
    for (const std::string& name : names) {
      read.push_back(read_usage(config, name, std::chrono::system_clock::now()));
    }
    const std::lock_guard lock(reading->mutex);
    reading->read = std::move(read);
    reading->read_at = system_now().steady;
  };
  try {
    thread_.start("page", work);
  } catch (const std::system_error& error) {
    UsageValues none;
    none.error = std::string("no thread for it: ") + error.what();
    const std::lock_guard lock(reading_->mutex);
    reading_->read = std::vector<UsageValues>{std::move(none)};
    reading_->read_at = now;
  }
}

void StatusPage::add_usage(const AccountingConfig& config, const Status& status, PageValues& to) {
  constexpr std::chrono::minutes kOld{5};  // since then there was no reader, or the disk hangs
  const std::vector<std::string> names = counted_namespaces(status);
  if (names.empty()) {
    rates_.clear();
    to.accounting = built_parts().sqlite ? AccountingState::kOff : AccountingState::kNotBuilt;
    return;
  }
  begin_reading(config, names);
  to.written_every = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(config.commit_interval).count());
  const MonoTime now = system_now().steady;
  {
    const std::lock_guard lock(reading_->mutex);
    const bool known = reading_->read && now - reading_->read_at < kOld;
    to.accounting = known ? AccountingState::kRead : AccountingState::kReading;
    if (known) to.usage = *reading_->read;
  }
  const std::vector<NamespaceUsage> counted = questions_.usage();
  std::erase_if(rates_, [&](const auto& known) {
    return std::none_of(counted.begin(), counted.end(), [&](const NamespaceUsage& one) {
      return one.usage && one.name == known.first;
    });
  });
  for (const NamespaceUsage& one : counted) {
    if (!one.usage) continue;
    TalkerRates& rates = rates_[one.name];
    rates.add(one, now);
    to.talkers.push_back(rates.talkers(kTopRows));
  }
}

std::string StatusPage::make(const Status& status) {
  const AccountingConfig config = questions_.accounting();
  PageValues values = values_of(status);
  values.host = host_name();
  add_usage(config, status, values);
  return render(values);
}

}  // namespace ctflow::page
