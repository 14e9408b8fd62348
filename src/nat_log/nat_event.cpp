// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/nat_event.hpp"

namespace ctflow::nat {

const char* name_of(HoleReason reason) {
  switch (reason) {
    case HoleReason::kLogBegan:
      return "log_began";
    case HoleReason::kNotRunning:
      return "not_running";
    case HoleReason::kEventsLost:
      return "events_lost";
    case HoleReason::kEventsLate:
      return "events_late";
    case HoleReason::kQueueFull:
      return "queue_full";
    case HoleReason::kDatabaseRefused:
      return "database_refused";
    case HoleReason::kDiskFull:
      return "disk_full";
    case HoleReason::kClockSet:
      return "clock_set";
    case HoleReason::kTableUnreadable:
      return "table_unreadable";
    case HoleReason::kEventsOff:
      return "events_off";
  }
  return "";
}

}  // namespace ctflow::nat
