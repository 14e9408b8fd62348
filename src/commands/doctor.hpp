// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd doctor`: prints what is wrong with this host.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "doctor/doctor.hpp"

namespace ctflow {

/// The text of a diagnosis for a terminal: lines are broken between words, but for those of fixes,
/// whose commands are there to be copied.
std::string diagnosis_for_terminal(const std::string& text, std::size_t columns);

/// Returns the exit status of ctflowd(8); throws ConfigError for a file that cannot be used.
int run_doctor(const DoctorOptions& options, std::ostream& out);

}  // namespace ctflow
