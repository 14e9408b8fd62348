// SPDX-License-Identifier: GPL-2.0-or-later
// Owns everything that runs in the event loop, from the start to the totals.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "daemon/namespace_exporter.hpp"
#include "daemon/namespace_exporters.hpp"
#include "daemon/served_status.hpp"
#include "event_loop/signals.hpp"
#include "event_loop/timer.hpp"

namespace ctflow {

class Daemon {
 public:
  struct Parts {
    NamespaceExporter::MakeSource make_source;
    NamespaceExporter::Check check;  ///< empty: nothing to check
    std::function<Config()> load;    ///< reads the configuration again; empty: SIGHUP is refused
  };

  /// Opens all sockets; throws when it cannot. `io` must outlive the daemon.
  Daemon(boost::asio::io_context& io, Config config, Parts parts);
  ~Daemon();

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;

  /// Runs until SIGTERM, SIGINT or the end of the source; then drains, flushes and logs the totals.
  /// SIGHUP reads the configuration again. Returns the exit status.
  int run();

  /// After run(): true while something runs that cannot be interrupted, which is a name look-up
  /// (getaddrinfo(3)) or the thread of a namespace that does not answer.
  [[nodiscard]] bool runs_on() const;

  /// Its status now.
  [[nodiscard]] Status status() const;
  /// What connections use now, by a key of accounting.
  [[nodiscard]] std::vector<NamespaceUsage> usage(std::optional<AccountingKey> by);

 private:
  void wait_for_signal();
  /// Starts the sources once every collector's name had its first answer and the routes are read,
  /// or after a moment: meanwhile the kernel queues the events.
  void start_when_ready(MonoTime latest);
  void start();
  /// Waits a moment for messages that wait for a connection.
  void drain();
  void reload();
  /// The new configuration with the sealed part of the current one; logs what differs there. Throws
  /// ConfigError for a file that cannot be used, or not with that part.
  Config read_changed() const;
  [[nodiscard]] NamespaceExporter::Databases make_databases(const Config& config,
                                                            const OriginDatabases* before);
  void adopt_when_ready(MonoTime latest);
  /// While all threads stand.
  void adopt();
  void give_back_memory_soon();
  void watch();
  void on_reloaded(const std::string& error);

  boost::asio::io_context& io_;
  Config config_;
  Parts parts_;
  Signals signals_;
  Timer start_timer_;
  Timer reload_timer_;
  Timer spools_timer_;
  Timer memory_timer_;
  Timer watchdog_timer_;
  NamespaceExporter::Databases databases_;
  NamespaceExporters namespaces_;
  struct PendingChange {
    NamespaceExporter* exporter;  ///< may be closed meanwhile
    NamespaceExporter::Change change;
  };
  Config next_;  ///< while changes_ wait
  NamespaceExporter::Databases next_databases_;
  std::vector<PendingChange> changes_;  ///< while a reload is under way
  bool reloading_ = false;
  bool reload_again_ = false;
  bool stuck_ = false;  ///< a thread did not end
  const std::chrono::system_clock::time_point made_ = std::chrono::system_clock::now();
  ReloadStatus reloads_;
  std::set<std::string> earlier_spools_;  ///< directories of configurations before the reloads
  std::unique_ptr<ServedStatus> served_status_;  ///< the last member: it reads all the others
};

}  // namespace ctflow
