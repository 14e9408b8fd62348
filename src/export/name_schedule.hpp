// SPDX-License-Identifier: GPL-2.0-or-later
// When a collector gets the names of the interfaces: one message at a time, with pauses, so that
// thousands of names are no burst that delays flows or overruns the collector's socket.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "ctflow/clock.hpp"
#include "ctflow/interface_names.hpp"

namespace ctflow {

/// Names that the collector does not have yet go out soon. The repetition of all of them is spread
/// over half of its interval; new names overtake it.
class NameSchedule {
 public:
  /// The shortest pause between two messages.
  static constexpr std::chrono::milliseconds kPause{50};
  /// Interfaces are often added many at a time: their names wait this long for each other.
  static constexpr std::chrono::seconds kGather{1};

  /// `names` must outlive this.
  explicit NameSchedule(const InterfaceNames& names) : names_(&names) {}

  [[nodiscard]] const InterfaceNames& names() const { return *names_; }

  /// The collector has none of them, and gets them from `when` on.
  void restart(MonoTime when) {
    sent_ = 0;
    renewing_ = repeating_ = false;
    next_new_ = when;
  }

  /// Begins a repetition, unless one is under way.
  void repeat(MonoTime now, std::chrono::milliseconds interval) {
    if (std::exchange(repeating_, true)) return;
    interval_ = interval;
    repeat_from_ = 0;
    next_repeated_ = now;
  }

  /// When the next message is due; MonoTime::max(): never, as far as is known.
  [[nodiscard]] MonoTime next() const {
    return std::min(has_new() ? next_new_ : MonoTime::max(),
                    repeating_ ? next_repeated_ : MonoTime::max());
  }

  /// Gives `add(index, name)` what belongs into a message now, until it answers false: full.
  template <typename Add>
  void fill(MonoTime now, Add add) {
    if (has_new() && now >= next_new_ && !fill_new(now, add)) return;
    if (repeating_ && now >= next_repeated_) fill_repeated(now, add);
  }

 private:
  [[nodiscard]] bool has_new() const { return names_->version() > sent_; }

  /// False: full.
  template <typename Add>
  bool fill_new(MonoTime now, Add& add) {
    if (!std::exchange(renewing_, true)) {
      new_from_ = 0;
      until_ = names_->version();  // what is renamed in between belongs to the next round
    }
    const auto& entries = names_->entries();
    for (auto entry = entries.lower_bound(new_from_); entry != entries.end(); ++entry) {
      const auto& [index, value] = *entry;
      if (value.version <= sent_ || value.version > until_ || add(index, value.name)) continue;
      new_from_ = index;
      next_new_ = now + kPause;
      return false;
    }
    renewing_ = false;
    sent_ = until_;
    next_new_ = now + kGather;
    return true;
  }

  template <typename Add>
  void fill_repeated(MonoTime now, Add& add) {
    const auto& entries = names_->entries();
    std::int64_t count = 0;
    for (auto entry = entries.lower_bound(repeat_from_); entry != entries.end(); ++entry) {
      if (add(entry->first, entry->second.name)) {
        ++count;
        continue;
      }
      const auto all = static_cast<std::int64_t>(entries.size());
      repeat_from_ = entry->first;
      next_repeated_ = now + std::max(kPause, interval_ * count / (2 * all));
      return;
    }
    repeating_ = false;
  }

  const InterfaceNames* names_;
  std::uint64_t sent_ = 0;  ///< version up to which the collector has the names
  bool renewing_ = false;
  std::uint32_t new_from_ = 0;  ///< the next ifIndex of the round of new names
  std::uint64_t until_ = 0;     ///< the version that this round reaches
  MonoTime next_new_{};
  bool repeating_ = false;
  std::uint32_t repeat_from_ = 0;
  std::chrono::milliseconds interval_{};  ///< between the beginnings of two repetitions
  MonoTime next_repeated_{};
};

}  // namespace ctflow
