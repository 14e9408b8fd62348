// SPDX-License-Identifier: GPL-2.0-or-later
// A build that serves no status (CTFLOWD_STATUS=OFF).
#include "daemon/served_status.hpp"

namespace ctflow {

std::unique_ptr<ServedStatus> serve_status(boost::asio::io_context& /*io*/,
                                           const StatusConfig& /*config*/,
                                           StatusQuestions /*questions*/) {
  return nullptr;
}

}  // namespace ctflow
