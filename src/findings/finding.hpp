// SPDX-License-Identifier: GPL-2.0-or-later
// What `ctflowd doctor`, `ctflowd check`, the start and `ctflowd status` report: something that
// makes exported data wrong or incomplete, with its consequence and what to do about it.
#pragma once

#include <string>
#include <vector>

namespace ctflow {

struct Finding {
  std::string name;       ///< stable, also that of the log line
  std::string impact;     ///< what follows for the exported data
  std::string fix;        ///< the command or setting that ends it
  std::string subject{};  ///< the collector or network namespace; empty: this host

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// The result of a series of checks.
struct Findings {
  std::vector<Finding> wrong;
  std::vector<Finding> notes;          ///< normal on most hosts, or a matter of choice
  std::vector<std::string> unchecked;  ///< what could not be examined, and why

  void add(Findings more) {
    wrong.insert(wrong.end(), more.wrong.begin(), more.wrong.end());
    notes.insert(notes.end(), more.notes.begin(), more.notes.end());
    unchecked.insert(unchecked.end(), more.unchecked.begin(), more.unchecked.end());
  }
};

/// Gives a subject to the findings from `first` on.
inline void set_subject(std::vector<Finding>& findings, std::size_t first,
                        const std::string& subject) {
  for (std::size_t i = first; i < findings.size(); ++i) findings[i].subject = subject;
}

}  // namespace ctflow
