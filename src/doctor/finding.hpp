// SPDX-License-Identifier: GPL-2.0-or-later
// What a check found: something that costs records or truth, and how to mend it.
#pragma once

#include <string>
#include <vector>

namespace ctflow {

struct Finding {
  std::string event;   ///< stable name, also that of the log line
  std::string impact;  ///< what it does to the numbers
  std::string fix;     ///< the command that mends it
};

/// What a series of checks found.
struct Findings {
  std::vector<Finding> wrong;
  std::vector<Finding> notes;          ///< true of nearly every host, or a matter of choice
  std::vector<std::string> unchecked;  ///< what could not be looked at, and why

  void add(Findings more) {
    wrong.insert(wrong.end(), more.wrong.begin(), more.wrong.end());
    notes.insert(notes.end(), more.notes.begin(), more.notes.end());
    unchecked.insert(unchecked.end(), more.unchecked.begin(), more.unchecked.end());
  }
};

}  // namespace ctflow
