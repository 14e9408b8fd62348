// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a running ctflowd: `/`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/accounting_config.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/status.hpp"
#include "page/talker_rates.hpp"
#include "page/values.hpp"
#include "process/detached_thread.hpp"

namespace ctflow::page {

/// What the page shows of a status alone.
PageValues values_of(const Status& status);

/// The database is read by a thread of its own, at most every few seconds and only while somebody
/// looks; a page shows what was read last. All functions are for the event loop's thread, and none
/// waits but the destructor, for a short while.
class StatusPage {
 public:
  struct Questions {
    std::function<AccountingConfig()> accounting;        ///< its settings of now
    std::function<std::vector<NamespaceUsage>()> usage;  ///< what is counted of now
  };

  explicit StatusPage(Questions questions);
  ~StatusPage();

  StatusPage(const StatusPage&) = delete;
  StatusPage& operator=(const StatusPage&) = delete;
  StatusPage(StatusPage&&) = delete;
  StatusPage& operator=(StatusPage&&) = delete;

  /// HTML.
  [[nodiscard]] std::string make(const Status& status);

 private:
  struct Reading;

  void add_usage(const AccountingConfig& config, const Status& status, PageValues& to);
  void begin_reading(const AccountingConfig& config, const std::vector<std::string>& names);

  Questions questions_;
  std::shared_ptr<Reading> reading_;  ///< with the thread, which a disk may hold for long
  DetachedThread thread_;
  std::optional<MonoTime> began_{};           ///< reading, for the last time
  std::map<std::string, TalkerRates> rates_;  ///< by network namespace
};

}  // namespace ctflow::page
