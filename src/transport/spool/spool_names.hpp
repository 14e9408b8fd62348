// SPDX-License-Identifier: GPL-2.0-or-later
// Which collector a file in a spool directory belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/config.hpp"

namespace ctflow {

struct SpoolFile {
  std::string collector;  ///< as in its name
  std::string path;
  bool messages = false;  ///< `COLLECTOR-NUMBER.spool`; else `COLLECTOR.lock`
  std::uint64_t octets = 0;
  bool read = true;  ///< its number is one that ctflowd gives, and reads
};

/// All spool files and locks in a directory, in the order of their names; none if it cannot be
/// read.
std::vector<SpoolFile> list_spool_files(const std::string& directory);

/// By which a connection log keeps its lines: no collector can be called so, and lines never wait
/// for a collector.
std::string lines_spool_name(const std::string& log);
/// … by which one keeps lines for a Kafka topic. Each is a message there, while for a socket many
/// are one: what waits for one of them cannot be sent to the other.
std::string topic_spool_name(const std::string& log);

/// A ctflowd has the files of this collector. Also true where that cannot be found out.
bool spool_in_use(const std::string& directory, const std::string& collector);

/// Names by which collectors of this configuration keep messages in `directory`: with `namespaces:`
/// each collector has one for each namespace.
std::vector<std::string> spool_owners(const Config& config, const std::string& directory);

/// Octets that all spools of this configuration in `directory` may have together (`spool.size`).
std::uint64_t spool_sizes(const Config& config, const std::string& directory);

/// The directories of all spools, each once.
std::vector<std::string> spool_directories(const Config& config);

}  // namespace ctflow
