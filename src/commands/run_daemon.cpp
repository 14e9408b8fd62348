// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/run_daemon.hpp"

#include <cstdlib>
#include <utility>

#include "commands/exit_status.hpp"
#include "daemon/totals.hpp"

namespace ctflow {

int run_daemon(boost::asio::io_context& io, const Config& config, Daemon::Parts parts,
               MustExport must_export) {
  Daemon daemon(io, config, std::move(parts));
  int status = daemon.run();
  if (must_export == MustExport::kYes && !log_whether_exported(daemon.status())) {
    status = kRuntimeFailure;
  }
  if (daemon.runs_on()) std::_Exit(status);
  return status;
}

}  // namespace ctflow
