// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/quota.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "accounting/export_rows.hpp"
#include "text/escape.hpp"
#include "text/mac_text.hpp"
#include "text/people_text.hpp"
#include "text/time_text.hpp"

namespace ctflow::accounting {
namespace {

/// A report by network or by device: network, or MAC address, to what it used.
using Used = std::unordered_map<std::string, Amounts>;

Used used_in(const Report& report) {
  Used used;
  for (const ReportRow& row : report.rows) {
    used[row.device.empty() ? row.name : row.device] += row.amounts;
  }
  return used;
}

template <typename Named, typename Id>
void add_uses(const Report& report, const std::vector<Named>& all, Id id_of, QuotaReport& to) {
  const Used used = used_in(report);
  for (const Named& one : all) {
    if (one.quota == 0) continue;
    const auto found = used.find(id_of(one));
    const Amounts amounts = found == used.end() ? Amounts{} : found->second;
    to.uses.push_back({report.by, one.name, amounts, one.quota});
  }
}

template <typename Named>
bool any_quota(const std::vector<Named>& all) {
  return std::any_of(all.begin(), all.end(), [](const Named& one) { return one.quota > 0; });
}

double share_of(const QuotaUse& use) {
  return static_cast<double>(use.amounts.octets()) / static_cast<double>(use.quota);
}

}  // namespace

bool QuotaReport::any_over() const {
  return std::any_of(uses.begin(), uses.end(), [](const QuotaUse& one) { return one.over(); });
}

bool QuotaReport::any_may_be_over() const {
  return any_over() || std::any_of(uses.begin(), uses.end(), [&](const QuotaUse& one) {
           return std::any_of(unassigned.begin(), unassigned.end(), [&](const Unassigned& more) {
             return more.by == one.by && one.amounts.octets() + more.octets > one.quota;
           });
         });
}

QuotaReport quota_uses(const Database& database, const AccountingConfig& config,
                       Question question) {
  QuotaReport result;
  bool asked = false;
  const auto ask_by = [&](AccountingKey key) {
    question.by = word_of(key);
    Report report = ask(database, question);
    if (!std::exchange(asked, true)) {
      result.time = report;
      result.time.rows.clear();
    } else if (report.gaps.size() > result.time.gaps.size()) {
      result.time.gaps = report.gaps;  // that of the aggregate that is younger
    }
    const std::uint64_t unknown = report.other.octets() + report.uncounted.octets();
    if (unknown > 0) result.unassigned.push_back({report.by, unknown});
    return report;
  };
  if (any_quota(config.networks)) {
    add_uses(
        ask_by(AccountingKey::kNetwork), config.networks,
        [](const NamedNetworks& one) { return one.name; }, result);
  }
  if (any_quota(config.devices)) {
    add_uses(
        ask_by(AccountingKey::kDevice), config.devices,
        [](const NamedDevice& one) { return text::mac_text(one.addresses.front()); }, result);
  }
  if (!asked) {
    throw std::runtime_error(
        "nothing has a quota: set accounting.networks[].quota or accounting.devices[].quota");
  }
  return result;
}

QuotaReport ask_quotas(const Database& database, const AccountingConfig& config,
                       const Question& question) {
  QuotaReport result = quota_uses(database, config, question);
  std::stable_sort(
      result.uses.begin(), result.uses.end(),
      [](const QuotaUse& one, const QuotaUse& other) { return share_of(one) > share_of(other); });
  return result;
}

std::string quota_table(const QuotaReport& report, const Calendar& calendar,
                        const ReportView& view) {
  constexpr int kNameWidth = 30;
  constexpr double kPercent = 100;
  std::string out = title_line(report.time, calendar, "quotas", view.scope);
  const auto octets = [&](std::uint64_t number) {
    return view.bytes ? std::to_string(number) : text::people_text(number);
  };
  out += fmt::format("{:<{}} {:<8} {:>10} {:>10} {:>8}\n", "name", kNameWidth, "by", "used",
                     "quota", "share");
  for (const QuotaUse& one : report.uses) {
    out += fmt::format("{:<{}} {:<8} {:>10} {:>10} {:>6.1f} %{}\n", text::printable(one.name),
                       kNameWidth, one.by, octets(one.amounts.octets()), octets(one.quota),
                       share_of(one) * kPercent, one.over() ? "  over" : "");
  }
  out += unassigned_text(report);
  if (!report.time.complete()) out += completeness_text(report.time) + "\n";
  if (!report.time.left_out.empty()) out += left_out_text(report.time) + "\n";
  return out;
}

std::string quota_json(const QuotaReport& report, const std::string& scope) {
  nlohmann::json uses = nlohmann::json::array();
  for (const QuotaUse& one : report.uses) {
    uses.push_back({{"by", one.by},
                    {"name", text::printable(one.name)},
                    {"down_octets", one.amounts.down_octets},
                    {"up_octets", one.amounts.up_octets},
                    {"used_octets", one.amounts.octets()},
                    {"quota_octets", one.quota},
                    {"over", one.over()}});
  }
  nlohmann::json unassigned = nlohmann::json::array();
  for (const Unassigned& one : report.unassigned) {
    unassigned.push_back({{"by", one.by}, {"octets", one.octets}});
  }
  const nlohmann::json out{{"v", 1},
                           {"directions", scope},
                           {"from", text::utc_text(report.time.from)},
                           {"until", text::utc_text(report.time.until)},
                           {"complete", report.time.complete()},
                           {"over", report.any_over()},
                           {"quotas", uses},
                           {"unassigned", unassigned}};
  return out.dump(2) + "\n";
}

std::string quota_csv(const QuotaReport& report) {
  std::string out = "by,name,used_octets,quota_octets,over\n";
  for (const QuotaUse& one : report.uses) {
    out += fmt::format("{},{},{},{},{}\n", one.by, field_text(text::printable(one.name)),
                       one.amounts.octets(), one.quota, one.over() ? 1 : 0);
  }
  return out;
}

std::string unassigned_text(const QuotaReport& report) {
  std::string out;
  for (const Unassigned& one : report.unassigned) {
    out += fmt::format("{} may be of any {} (max_keys, or left by a kill)\n",
                       text::people_text(one.octets), one.by);
  }
  return out;
}

}  // namespace ctflow::accounting
