// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/live_counts.hpp"

#include <utility>

namespace ctflow::accounting {
namespace {

InterfaceTexts texts_of(const InterfaceNames* interfaces) {
  InterfaceTexts texts;
  if (interfaces == nullptr) return texts;
  for (const auto& [index, entry] : interfaces->entries()) texts[index] = entry.name;
  return texts;
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
  // An interface that was made again has another number, and the same name.
  if (keys() >= limit_) return 0;
  std::string text = key_text(by_, report.key, report.direction, names, texts_of(interfaces));
  const auto [same, is_new] = by_text_.emplace(text, rows_.size());
  if (is_new) {
    Row& row = rows_.emplace_back();
    row.text = std::move(text);
    if (by_ == AccountingKey::kDevice) row.device = device_octets(report.key);
  }
  // Keys may be more than texts, but not without a bound.
  constexpr std::size_t kKeysOfText = 2;
  if (by_key_.size() < limit_ * kKeysOfText) by_key_.emplace(key, same->second);
  return same->second;
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
