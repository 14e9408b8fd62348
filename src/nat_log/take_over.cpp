// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of rows whose file is too old, but which existed on days that are kept: the next
// file takes them over. Otherwise a connection of many days would leave look-ups of all of these
// days without an answer.
#include <vector>

#include "findings/database_failure.hpp"
#include "log/log.hpp"
#include "nat_log/store.hpp"

namespace ctflow::nat {

void Store::take_over_old() {
  const std::vector<Day> days = files_.days();
  try {
    for (std::size_t i = 0; i + 1 < days.size(); ++i) {
      const Day old = days[i];
      const Day next = days[i + 1];
      if (!DayFiles::is_old(old, config_.retention, now()) || next > today_) break;
      if (!file(next).take_over(file(old))) continue;
      std::vector<std::pair<std::uint64_t, Place>> moved;
      for (const auto& one : open_.rows()) {
        if (one.second.file == old) moved.push_back(one);
      }
      for (auto& [key, place] : moved) {
        place.file = next;
        open_.add(key, place);
      }
    }
    files_.commit(today_);
    open_.keep();
  } catch (const SqliteError& error) {
    files_.rollback();
    open_.undo();
    log::warn(
        "nat_log_rows_not_taken_over directory={} error={} impact=\"look-ups of days on which a "
        "connection of a removed file went on cannot say\" fix=\"{}\"",
        log::quoted(config_.directory), log::quoted(error.what()),
        database_fix(write_failure().kind, DatabaseUse::kNatLog));
  }
}

}  // namespace ctflow::nat
