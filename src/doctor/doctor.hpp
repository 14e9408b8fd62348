// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd doctor`: what this machine does to the numbers.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "doctor/finding.hpp"

namespace ctflow {

struct DoctorQuestion {
  std::string config = "/etc/ctflowd/ctflowd.yaml";
  bool config_required = false;  ///< asked for by name: a missing file is an error
  bool json = false;
};

/// What a doctor says: what is, and what is wrong with it.
struct Diagnosis {
  struct Fact {
    std::string name;
    std::string text;
  };
  std::vector<Fact> facts;
  Findings findings;
};

/// Looks at everything. Throws ConfigError for a configuration that cannot be used.
Diagnosis examine(const DoctorQuestion& question);

/// Of the kernel alone, by the settings in `directory`.
Diagnosis examine_kernel(const SourceConfig& config,
                         const std::string& directory = "/proc/sys/net/netfilter");

/// For a person, or as one JSON object.
void tell(const Diagnosis& diagnosis, bool json, std::ostream& out);

/// 0 all is well, 1 there are findings, 2 there are none, but something could not be checked.
int exit_status(const Diagnosis& diagnosis);

}  // namespace ctflow
