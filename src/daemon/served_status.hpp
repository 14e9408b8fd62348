// SPDX-License-Identifier: GPL-2.0-or-later
// What a running daemon answers about itself: its status, metrics, usage and the page.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ctflow/accounting_config.hpp"
#include "ctflow/config.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

/// Answers while it exists.
class ServedStatus {
 public:
  ServedStatus() = default;
  virtual ~ServedStatus() = default;
  ServedStatus(const ServedStatus&) = delete;
  ServedStatus& operator=(const ServedStatus&) = delete;
  ServedStatus(ServedStatus&&) = delete;
  ServedStatus& operator=(ServedStatus&&) = delete;
};

/// Asked from the event loop, as of now.
struct StatusQuestions {
  std::function<Status()> status;
  /// By a key, or the most useful one.
  std::function<std::vector<NamespaceUsage>(std::optional<AccountingKey>)> usage;
  std::function<AccountingConfig()> accounting;
};

/// Throws std::runtime_error when a configured socket cannot be created. Null: this build serves
/// nothing (CTFLOWD_STATUS=OFF). `io`, and what `questions` refer to, must outlive the result.
std::unique_ptr<ServedStatus> serve_status(boost::asio::io_context& io, const StatusConfig& config,
                                           StatusQuestions questions);

}  // namespace ctflow
