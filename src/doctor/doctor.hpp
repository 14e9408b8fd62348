// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd doctor`: checks this host for settings that make exported data wrong or incomplete.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "ctflow/default_paths.hpp"
#include "doctor/measuring_check.hpp"
#include "findings/finding.hpp"

namespace ctflow {

class RoutingState;

struct DoctorOptions {
  std::string config = kConfigFile;
  bool config_required = false;  ///< named on the command line: a missing file is an error
  bool json = false;
};

/// What was found: facts, and findings.
struct Diagnosis {
  struct Fact {
    std::string name;
    std::string text;
  };
  std::vector<Fact> facts;
  Findings findings;
};

/// Makes all checks. Throws ConfigError for a configuration that cannot be used.
Diagnosis examine(const DoctorOptions& options);

/// The fact "routes".
std::string routes_text(const RoutingState& state);

/// The facts about the kernel alone.
Diagnosis examine_kernel(const Measuring& measuring);

/// As text, or as one JSON object.
void print(const Diagnosis& diagnosis, bool json, std::ostream& out);

/// 0 no problems, 1 problems, 2 no problems but some checks were not possible.
int exit_status(const Diagnosis& diagnosis);

}  // namespace ctflow
