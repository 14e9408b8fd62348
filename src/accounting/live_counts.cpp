// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/live_counts.hpp"

#include <utility>

namespace ctflow::accounting {
namespace {

/// Of those of a key.
InterfaceTexts texts_of(const Key& key, const InterfaceNames* interfaces) {
  InterfaceTexts texts;
  if (interfaces == nullptr) return texts;
  for (const std::uint32_t index : {key.interface, key.remote_interface}) {
    const auto found = interfaces->entries().find(index);
    if (found != interfaces->entries().end()) texts[index] = found->second.name;
  }
  return texts;
}

/// An interface that was made again has another number, and the same name; networks and services
/// of a file may have the names of others.
bool shares_texts(AccountingKey by) {
  return by == AccountingKey::kInterface || by == AccountingKey::kRemoteInterface ||
         by == AccountingKey::kNetwork || by == AccountingKey::kRemoteNetwork ||
         by == AccountingKey::kService;
}

}  // namespace

LiveCounts::LiveCounts(AccountingKey by, std::size_t limit)
    : by_(by), selection_({by}), limit_(limit) {
  by_text_.emplace(rows_.front().text, 0);
}

void LiveCounts::add(const Classified& report, const Names& names,
                     const InterfaceNames* interfaces) {
  Row& row = rows_[row_of(report, names, interfaces)];
  row.amounts.at(static_cast<std::size_t>(report.direction)) += report.amounts;
}

std::size_t LiveCounts::row_of(const Classified& report, const Names& names,
                               const InterfaceNames* interfaces) {
  Key key = selection_.of(report.key);
  if (by_ == AccountingKey::kDirection) key.mark = static_cast<std::uint32_t>(report.direction);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) return found->second;
  const bool has_room = keys() < limit_;
  if (!has_room && !shares_texts(by_)) return 0;
  std::string text =
      key_text(by_, report.key, report.direction, names, texts_of(report.key, interfaces));
  std::size_t number = 0;
  if (const auto same = by_text_.find(text); same != by_text_.end()) {
    number = same->second;
  } else if (has_room) {
    number = rows_.size();
    by_text_.emplace(text, number);
    Row& row = rows_.emplace_back();
    row.text = std::move(text);
    if (by_ == AccountingKey::kDevice) row.device = device_octets(report.key);
  }
  // Keys may be more than texts, but not without a bound.
  constexpr std::size_t kKeysOfText = 2;
  if (by_key_.size() < limit_ * kKeysOfText) by_key_.emplace(key, number);
  return number;
}

Usage LiveCounts::usage(const DeviceNames* names) const {
  Usage usage;
  usage.by = by_;
  for (const Row& row : rows_) {
    std::string name;
    if (names != nullptr) {
      const auto found = names->find(row.device);
      if (found != names->end()) name = found->second;
    }
    for (std::size_t i = 0; i < kDirections; ++i) {
      const Amounts& amounts = row.amounts.at(i);
      if (amounts == Amounts{}) continue;
      usage.series.push_back({row.text, name, name_of(static_cast<Direction>(i)),
                              amounts.down_octets, amounts.up_octets, amounts.down_packets,
                              amounts.up_packets, amounts.connections});
    }
  }
  return usage;
}

}  // namespace ctflow::accounting
