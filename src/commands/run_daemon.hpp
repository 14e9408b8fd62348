// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a Daemon to its end, for the commands that export.
#pragma once

#include <boost/asio/io_context.hpp>

#include "daemon/daemon.hpp"

namespace ctflow {

enum class MustExport : bool { kNo, kYes };

/// Returns the exit status. `must_export`: exporting nothing of what was read is a failure.
int run_daemon(boost::asio::io_context& io, const Config& config, Daemon::Parts parts,
               MustExport must_export);

}  // namespace ctflow
