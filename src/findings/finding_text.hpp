// SPDX-License-Identifier: GPL-2.0-or-later
// The three forms of a finding: text for a person, JSON, and a log line.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "findings/finding.hpp"
#include "text/columns.hpp"

namespace ctflow {

/// `NAME SUBJECT: IMPACT` and `fix: FIX` on a line of its own. Safe for a terminal.
std::string finding_text(const Finding& finding);

/// Text with findings for a terminal: lines are broken between words, but for those of fixes, whose
/// commands are there to be copied.
std::string findings_for_terminal(const std::string& text, std::size_t columns = text::kColumns);

/// {"name", "subject", "impact", "fix"}.
nlohmann::ordered_json finding_json(const Finding& finding);
nlohmann::ordered_json findings_json(const std::vector<Finding>& findings);
/// The reverse. Throws nlohmann::json::exception.
Finding finding_from(const nlohmann::json& json);

/// One log line each: what is wrong as warnings, notes and what was not checked as information.
void log_findings(const Findings& found);

}  // namespace ctflow
