// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/run.hpp"

#include <memory>
#include <utility>

#include "commands/become_user.hpp"
#include "commands/host_config.hpp"
#include "commands/run_daemon.hpp"
#include "conntrack/conntrack_source.hpp"
#include "doctor/tracking_check.hpp"
#include "extras/from_bpf/make_programs.hpp"
#include "findings/finding_text.hpp"
#include "log/log.hpp"

namespace ctflow {
int run(const std::string& config_file) {
  const Config config = load_for_this_host(config_file);
  log::configure(config.log.level);
  become_user(config, config_file);
  boost::asio::io_context io;
  // Nothing is loaded before a namespace is to be measured so.
  const auto make_ring = [&source = config.source](boost::asio::io_context& loop) {
    return std::make_shared<RecordRing>(
        loop, make_measuring_programs(sizes_for(source.receive_buffer)), source.batch_delay);
  };
  Daemon::Parts parts;
  parts.make_source = [&, ring = make_ring(io)](boost::asio::io_context& loop,
                                                const Config& current,
                                                const NetworkNamespace& home) {
    return std::make_unique<ConntrackSource>(loop, current.source, home,
                                             &loop == &io ? ring : make_ring(loop));
  };
  parts.check = [](const SourceConfig& source, const Capabilities& measured) {
    log_findings(check_tracking(source, measured));
  };
  parts.load = [config_file] { return load_config(config_file); };
  return run_daemon(io, config, std::move(parts), MustExport::kNo);
}

}  // namespace ctflow
