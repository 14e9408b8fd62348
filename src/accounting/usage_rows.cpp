// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/usage_rows.hpp"

#include <fmt/format.h>

#include <span>

#include "accounting/device_names.hpp"
#include "accounting/key_text.hpp"

namespace ctflow::accounting {
namespace {

constexpr const char* kAddUsage =
    "INSERT INTO usage VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE SET "
    "down_octets = down_octets + excluded.down_octets, up_octets = up_octets + excluded.up_octets, "
    "down_packets = down_packets + excluded.down_packets, "
    "up_packets = up_packets + excluded.up_packets, "
    "connections = connections + excluded.connections";
constexpr const char* kAddInterval =
    "INSERT INTO interval VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET "
    "until = max(until, excluded.until), lost_events = lost_events + excluded.lost_events, "
    "no_counters = no_counters + excluded.no_counters, "
    "counters_fell = counters_fell + excluded.counters_fell, "
    "fallen_packets = fallen_packets + excluded.fallen_packets, late = late + excluded.late";
constexpr const char* kAddCause = "INSERT OR IGNORE INTO cause VALUES(?1, ?2, ?3, ?4)";
constexpr const char* kInsertKey =
    "INSERT OR IGNORE INTO key(aggregate, kind, host, network, interface, remote_interface, zone, "
    "mark, protocol, service, remote_network, device, asn, country) VALUES(?1, ?2, ?3, ?4, ?5, "
    "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
constexpr const char* kSelectKey =
    "SELECT id FROM key WHERE aggregate = ?1 AND kind = ?2 AND host = ?3 AND network = ?4 AND "
    "interface = ?5 AND remote_interface = ?6 AND zone = ?7 AND mark = ?8 AND protocol = ?9 AND "
    "service = ?10 AND remote_network = ?11 AND device = ?12 AND asn = ?13 AND "
    "country = ?14";

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

/// Separated by spaces, in one order: the settings may list them in any.
std::string keys_text(const KeySelection& selection) {
  std::string text;
  for (unsigned i = 0; i < static_cast<unsigned>(AccountingKey::kDirection); ++i) {
    const auto key = static_cast<AccountingKey>(i);
    if (!selection.has(key)) continue;
    if (!text.empty()) text += ' ';
    text += word_of(key);
  }
  return text;
}

}  // namespace

UsageRows::UsageRows(const Database& database, const AccountingConfig& config,
                     const Accounts& accounts, const Calendar& calendar)
    : database_(database),
      config_(config),
      accounts_(accounts),
      calendar_(calendar),
      add_usage_(database, kAddUsage),
      add_interval_(database, kAddInterval),
      add_cause_(database, kAddCause),
      insert_key_(database, kInsertKey),
      select_key_(database, kSelectKey),
      keys_(config.aggregates.size()),
      other_keys_(config.aggregates.size()) {}

void UsageRows::find_aggregates(Minute now) {
  ids_.clear();
  Statement insert(database_, "INSERT OR IGNORE INTO aggregate(name, keys, began) VALUES(?, ?, ?)");
  Statement select(database_, "SELECT id FROM aggregate WHERE name = ? AND keys = ?");
  for (std::size_t i = 0; i < config_.aggregates.size(); ++i) {
    const std::string& name = config_.aggregates[i].name;
    const std::string keys = keys_text(accounts_.selection(i));
    insert.bind(1, name).bind(2, keys).bind(3, seconds_of(now)).run();
    select.bind(1, name).bind(2, keys).step();
    ids_.push_back(select.number(0));
    select.reset();
  }
}

const Interval& UsageRows::interval_of(Level level, Minute minute) {
  auto& known = intervals_.at(static_cast<std::size_t>(level));
  const auto found = known.find(minute);
  if (found != known.end()) return found->second;
  constexpr std::size_t kMost = 50'000;  // as many minutes as may be kept
  if (known.size() > kMost) known.clear();
  return known.emplace(minute, calendar_.interval_of(level, minute)).first->second;
}

void UsageRows::bind_key(Statement& statement, std::size_t aggregate, KeyKind kind, const Key& key,
                         const InterfaceTexts& interfaces) {
  const bool named = kind == KeyKind::kKey;
  const KeySelection& selection = accounts_.selection(aggregate);
  const auto has = [&](AccountingKey one) { return named && selection.has(one); };
  const auto number = [&](AccountingKey one, std::int64_t value) {
    return has(one) ? value : std::int64_t{-1};
  };
  constexpr std::size_t kOctets4 = 4;
  std::span<const std::uint8_t> host(key.host.octets);
  if (key.family == static_cast<std::uint16_t>(AddressFamily::kIpv4)) host = host.first(kOctets4);
  if (!has(AccountingKey::kHost)) host = host.first(0);
  int column = 0;
  // The texts stay until the statement has run.
  const auto text = [&](bool with, const std::string& value) {
    statement.bind_copy(++column, with ? value : std::string());
  };
  statement.bind(++column, ids_[aggregate]);
  statement.bind(++column, static_cast<std::int64_t>(kind));
  statement.bind(++column, host);
  text(has(AccountingKey::kNetwork), accounts_.names().network(key.network));
  text(has(AccountingKey::kInterface), interface_text(key.interface, interfaces));
  text(has(AccountingKey::kRemoteInterface), interface_text(key.remote_interface, interfaces));
  statement.bind(++column, number(AccountingKey::kZone, key.zone));
  statement.bind(++column, number(AccountingKey::kMark, key.mark));
  statement.bind(++column, number(AccountingKey::kProtocol, key.protocol));
  text(has(AccountingKey::kService), accounts_.names().service(key.service));
  text(has(AccountingKey::kRemoteNetwork), accounts_.names().network(key.remote_network));
  const std::string device = has(AccountingKey::kDevice) ? device_octets(key) : "";
  const std::vector<std::uint8_t> octets(device.begin(), device.end());
  statement.bind_copy(++column, std::span<const std::uint8_t>(octets));
  statement.bind(++column, number(AccountingKey::kAsn, key.asn));
  text(has(AccountingKey::kCountry), country_text(key.country));
}

std::int64_t UsageRows::find_key(std::size_t aggregate, KeyKind kind, const Key& key,
                                 const InterfaceTexts& interfaces) {
  bind_key(insert_key_, aggregate, kind, key, interfaces);
  insert_key_.run();
  bind_key(select_key_, aggregate, kind, key, interfaces);
  select_key_.step();
  const std::int64_t id = select_key_.number(0);
  select_key_.reset();
  return id;
}

std::int64_t UsageRows::key_of(std::size_t aggregate, KeyKind kind, const Key& key,
                               const InterfaceTexts& interfaces) {
  if (kind == KeyKind::kOther) {
    std::int64_t& id = other_keys_[aggregate];
    if (id == 0) id = find_key(aggregate, kind, key, interfaces);
    return id;
  }
  if (kind == KeyKind::kUncounted) return find_key(aggregate, kind, key, interfaces);
  auto& known = keys_[aggregate];
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  constexpr std::size_t kTimes = 2;
  if (known.size() >= config_.aggregates[aggregate].max_keys * kTimes) known.clear();
  const std::int64_t id = find_key(aggregate, kind, key, interfaces);
  known.emplace(key, id);
  return id;
}

void UsageRows::enter(std::size_t aggregate, std::int64_t key, Minute minute, Direction direction,
                      const Amounts& amounts) {
  for (const Level level : kAllLevels) {
    const std::int64_t time = seconds_of(interval_of(level, minute).from);
    int column = 0;
    for (const std::int64_t value :
         {static_cast<std::int64_t>(level), ids_[aggregate], time, key,
          static_cast<std::int64_t>(direction), signed_of(amounts.down_octets),
          signed_of(amounts.up_octets), signed_of(amounts.down_packets),
          signed_of(amounts.up_packets), signed_of(amounts.connections)}) {
      add_usage_.bind(++column, value);
    }
    add_usage_.run();
    touched_.insert({level, ids_[aggregate], time, aggregate});
  }
}

void UsageRows::note_interfaces(const InterfaceTexts& interfaces) {
  if (interfaces == interfaces_) return;
  interfaces_ = interfaces;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const KeySelection& selection = accounts_.selection(i);
    if (selection.has(AccountingKey::kInterface) || selection.has(AccountingKey::kRemoteInterface))
      keys_[i].clear();
  }
}

std::uint64_t UsageRows::add(std::size_t aggregate, const UsageTable& table, Minute oldest,
                             const InterfaceTexts& interfaces) {
  note_interfaces(interfaces);
  std::set<Minute> entered;
  std::uint64_t late = 0;
  const auto minute_of = [&](Minute minute) {
    if (minute < oldest) ++late;
    return *entered.insert(std::max(minute, oldest)).first;
  };
  for (const Cell& cell : table.cells()) {
    const std::int64_t key = key_of(aggregate, KeyKind::kKey, cell.key, interfaces);
    enter(aggregate, key, minute_of(cell.minute), cell.direction, cell.amounts);
  }
  for (const auto& [place, amounts] : table.others()) {
    const std::int64_t key = key_of(aggregate, KeyKind::kOther, {}, interfaces);
    enter(aggregate, key, minute_of(place.first), place.second, amounts);
  }
  for (const Minute minute : entered) add_missing(minute, {});
  return late;
}

void UsageRows::add_uncounted(Minute minute, Direction direction, const Amounts& amounts) {
  add_missing(minute, {});  // the interval
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    enter(i, key_of(i, KeyKind::kUncounted, {}, {}), minute, direction, amounts);
  }
}

void UsageRows::add_missing(Minute minute, const Missing& missing) {
  for (const Level level : kAllLevels) {
    const Interval& interval = interval_of(level, minute);
    int column = 0;
    for (const std::int64_t value :
         {static_cast<std::int64_t>(level), seconds_of(interval.from), seconds_of(interval.until),
          signed_of(missing.lost_events), signed_of(missing.no_counters),
          signed_of(missing.counters_fell), signed_of(missing.fallen_packets),
          signed_of(missing.late)}) {
      add_interval_.bind(++column, value);
    }
    add_interval_.run();
  }
}

void UsageRows::add_causes(Minute minute, const Causes& causes) {
  add_missing(minute, {});  // the interval
  for (const Level level : kAllLevels) {
    add_cause_.bind(1, static_cast<std::int64_t>(level));
    add_cause_.bind(2, seconds_of(interval_of(level, minute).from));
    for (const Cause& one : causes) add_cause_.bind(3, one.kind).bind(4, one.name).run();
  }
}

std::uint64_t UsageRows::trim() {
  std::uint64_t count = 0;
  for (const Touched& one : touched_) count += trim_one(one);
  touched_.clear();
  return count;
}

std::uint64_t UsageRows::trim_one(const Touched& one) {
  const auto most = static_cast<std::int64_t>(config_.aggregates[one.index].max_keys);
  const std::string rows = fmt::format(
      "FROM usage JOIN key ON key.id = usage.key WHERE usage.level = {} AND usage.aggregate = {} "
      "AND usage.time = {} AND key.kind = 0",
      static_cast<int>(one.level), one.aggregate, one.time);
  std::int64_t surplus = 0;
  {
    Statement count(database_, "SELECT count(*) " + rows);
    count.step();
    surplus = count.number(0) - most;
  }
  if (surplus <= 0) return 0;
  const std::int64_t other = key_of(one.index, KeyKind::kOther, {}, {});
  // Materialised first: rows are removed and added below.
  Statement smallest(database_, fmt::format("SELECT usage.key, direction, down_octets, up_octets, "
                                            "down_packets, up_packets, connections {} ORDER BY "
                                            "down_octets + up_octets, usage.key LIMIT {}",
                                            rows, surplus));
  std::vector<std::array<std::int64_t, 7>> found;
  while (smallest.step()) {
    auto& row = found.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) row.at(i) = smallest.number(static_cast<int>(i));
  }
  smallest.reset();
  Statement remove(database_,
                   "DELETE FROM usage WHERE level = ?1 AND aggregate = ?2 AND time = ?3 AND "
                   "key = ?4 AND direction = ?5");
  for (const auto& row : found) {
    remove.bind(1, static_cast<std::int64_t>(one.level)).bind(2, one.aggregate);
    remove.bind(3, one.time).bind(4, row[0]).bind(5, row[1]).run();
    int column = 0;
    for (const std::int64_t value : {static_cast<std::int64_t>(one.level), one.aggregate, one.time,
                                     other, row[1], row[2], row[3], row[4], row[5], row[6]}) {
      add_usage_.bind(++column, value);
    }
    add_usage_.run();
  }
  return found.size();
}

void UsageRows::forget_keys() {
  for (auto& known : keys_) known.clear();
  other_keys_.assign(other_keys_.size(), 0);
  touched_.clear();
}

}  // namespace ctflow::accounting
