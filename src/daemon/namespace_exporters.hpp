// SPDX-License-Identifier: GPL-2.0-or-later
// The exporters of all configured network namespaces, as these are added and removed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/status.hpp"
#include "daemon/name_watch.hpp"
#include "daemon/namespace_exporter.hpp"
#include "daemon/retired_outputs.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// A namespace is found by its name. When the name is removed, its exporter exports what its table
/// still has and closes it, so that the kernel can destroy it; when the name is made (again), an
/// exporter is opened.
class NamespaceExporters {
 public:
  /// nullptr: the namespace that we run in. Throws when the exporter cannot be opened.
  using Make = std::function<std::unique_ptr<NamespaceExporter>(const NamespaceConfig*)>;

  /// None configured: only the namespace that we run in, which does not go.
  NamespaceExporters(boost::asio::io_context& io, const std::vector<NamespaceConfig>& configured,
                     Make make);
  ~NamespaceExporters();

  NamespaceExporters(const NamespaceExporters&) = delete;
  NamespaceExporters& operator=(const NamespaceExporters&) = delete;
  NamespaceExporters(NamespaceExporters&&) = delete;
  NamespaceExporters& operator=(NamespaceExporters&&) = delete;

  /// Opens those that are there. Throws when one of these cannot be opened.
  void open();

  /// In the order of the configuration. Valid until the event loop goes on.
  [[nodiscard]] std::vector<NamespaceExporter*> all() const;

  /// From now on those that are added are opened and started, and removed ones are closed.
  void watch();
  /// … at once, as after a reload.
  void look_now();
  /// While a reload is under way all() stays as it is.
  void hold(bool on) { held_ = on; }
  void stop_watching();

  /// Outputs of closed namespaces still have something to send.
  [[nodiscard]] bool busy() const { return retired_.busy(); }
  void finish() { retired_.finish(); }

  /// Those that are configured, but have no exporter.
  [[nodiscard]] std::vector<MissingNamespace> missing() const;

 private:
  struct Entry {
    Entry(boost::asio::io_context& io, const NamespaceConfig& which);

    NamespaceConfig config;
    std::string file;
    Timer start_timer;
    std::unique_ptr<NamespaceExporter> exporter{};  ///< null: it is not there, or cannot be opened
    std::string why{};                              ///< why there is none
    std::string logged{};                           ///< … the last time that it was logged
    log::RateLimit missing_log{};
  };

  void look();
  void look_at(Entry& entry);
  void open(Entry& entry);
  void close(Entry& entry, const char* why);
  void start_when_ready(Entry& entry, Timer::Clock::time_point latest);
  /// The entry that exports the same connections already; nullptr: none.
  [[nodiscard]] const Entry* same_as(const Entry& entry, const NamespaceIdentity& identity) const;
  void miss(Entry& entry, const std::string& why);

  boost::asio::io_context& io_;
  Make make_;
  RetiredOutputs retired_;
  std::unique_ptr<NamespaceExporter> own_;  ///< of the namespace that we run in
  std::vector<std::unique_ptr<Entry>> entries_;
  Timer look_timer_;
  std::optional<NameWatch> names_;
  Timer::Clock::time_point unsettled_until_{};
  bool held_ = false;
};

}  // namespace ctflow
