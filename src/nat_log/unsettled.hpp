// SPDX-License-Identifier: GPL-2.0-or-later
// Rows whose connection may have ended in a hole: which ones had is known only some time after it.
#pragma once

#include <optional>
#include <vector>

#include "nat_log/day_readers.hpp"

namespace ctflow::nat {

class Unsettled {
 public:
  /// `written`: the end of the log. `from`: the time asked for.
  Unsettled(DayReaders& files, std::optional<Moment> written, Moment from)
      : files_(files), written_(written), from_(from) {}

  /// The last holes of those that ended shortly before the time asked for.
  void find_before();
  /// Those at that time.
  void add(const std::vector<Hole>& holes);

  /// The connection may have ended in a hole, or since the log was written.
  [[nodiscard]] bool may_be_over(const Found& row) const;

  /// When those ended that find_before() found.
  [[nodiscard]] std::optional<Moment> ended_before() const { return ended_before_; }

 private:
  struct Doubt {
    Moment began{};        ///< of the hole
    Moment rows_before{};  ///< which of those that began before are over is not known …
    std::optional<Moment> settled{};  ///< … until then, as settled_after() has it
  };
  void add(const Hole& hole);

  DayReaders& files_;
  std::optional<Moment> written_;
  Moment from_;
  std::optional<Moment> ended_before_;
  std::vector<Doubt> doubts_;
};

}  // namespace ctflow::nat
