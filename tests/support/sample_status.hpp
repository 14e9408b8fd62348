// SPDX-License-Identifier: GPL-2.0-or-later
// A status of a ctflowd without problems.
#pragma once

#include "ctflow/status.hpp"

namespace ctflow::test {

inline Status sample_status() {
  Status status;
  status.version = "1.2.3";
  status.compiler = "none";
  status.started = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'000));
  status.now = status.started + std::chrono::seconds(90);
  NamespaceStatus& home = status.namespaces.emplace_back();
  home.source.ended = 12;
  home.pipeline.exported = 12;
  home.kernel.queue.limit = 1'000'000;
  home.table_entries = 5;
  home.table_limit = 100;
  OutputStatus& output = home.outputs.emplace_back();
  output.kind = "collector";
  output.name = "main";
  output.peer = "192.0.2.10:4739";
  output.connected = true;
  output.counters.flows = 12;
  output.counters.records = 24;
  return status;
}

}  // namespace ctflow::test
