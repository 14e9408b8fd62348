// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/replay.hpp"

#include <memory>
#include <utility>

#include "commands/run_daemon.hpp"
#include "conntrack/replay_source.hpp"
#include "log/log.hpp"

namespace ctflow {

int replay(const std::string& file, std::uint32_t rate, const std::string& config_file) {
  Config config = load_config(config_file);
  log::configure(config.log.level);
  // Routes and namespaces of this host are not those of the host that recorded the file.
  config.interfaces.lookup = InterfaceLookup::kConstant;
  config.enrich.neighbours = false;  // nor are its neighbours
  config.namespaces.clear();
  config.nat_log = {};       // its look-ups are about this host, now
  config.accounting = {};    // what happened then may be counted already
  config.status = {"", ""};  // a daemon may be running at the same time
  for (CollectorConfig& collector : config.collectors) collector.interface_names = false;
  boost::asio::io_context io;
  Daemon::Parts parts;
  parts.make_source = [&](boost::asio::io_context& loop, const Config& current,
                          const NetworkNamespace&) {
    return std::make_unique<ReplaySource>(loop, file, rate, current.source);
  };
  return run_daemon(io, config, std::move(parts), MustExport::kYes);
}

}  // namespace ctflow
