// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd doctor`: prints what is wrong with this host.
#pragma once

#include <iosfwd>

#include "doctor/doctor.hpp"

namespace ctflow {

/// Returns the exit status of ctflowd(8); throws ConfigError for a file that cannot be used.
int run_doctor(const DoctorOptions& options, std::ostream& out);

}  // namespace ctflow
