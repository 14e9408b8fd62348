// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/place_check.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "config/status_endpoint.hpp"
#include "doctor/database_check.hpp"
#include "doctor/fixes.hpp"
#include "doctor/log_check.hpp"
#include "doctor/path_check.hpp"
#include "doctor/spool_check.hpp"
#include "findings/certificate_expiry.hpp"
#include "process/descriptor.hpp"
#include "process/directory_obstacle.hpp"
#include "text/errno_text.hpp"
#include "text/octets_text.hpp"
#include "transport/stream/tls_files.hpp"

namespace ctflow {
namespace {

/// The same of a directory that is created with those above it when ctflowd starts.
std::string fault_of_created(std::filesystem::path directory) {
  struct stat status {};
  while (stat(directory.c_str(), &status) != 0 && errno == ENOENT &&
         directory.has_relative_path()) {
    directory = directory.parent_path();
  }
  return obstacle_in(directory.string(), DirectoryUse::kMakeAndFindFiles);
}

void check_file_directory(const CollectorConfig& collector, Findings& found) {
  const std::string fault = obstacle_in(collector.file.directory, DirectoryUse::kMakeAndFindFiles);
  if (fault.empty()) return;
  found.wrong.push_back(
      {"file_directory_unusable",
       fmt::format("this user cannot create files in {}: {}", collector.file.directory, fault),
       fix_of_directory(collector.file.directory)});
}

void check_spool(const CollectorConfig& collector, Findings& found) {
  const std::string& directory = collector.spool.directory;
  if (directory.empty()) return;
  const std::string fault = obstacle_in(directory, DirectoryUse::kMakeAndFindFiles);
  if (fault.empty()) return;
  found.wrong.push_back(
      {"spool_directory_unusable",
       fmt::format("this user cannot keep messages in {}: {}; they wait in memory only, up to "
                   "spool.memory ({}), and are lost when ctflowd stops",
                   directory, fault, octets_text(collector.spool.memory)),
       fix_of_directory(directory)});
}

void check_nat_log(const NatLogConfig& config, Findings& found) {
  const std::string fault = config.enabled() ? fault_of_created(config.directory) : "";
  if (fault.empty()) return;
  found.wrong.push_back(
      {"nat_log_directory_unusable",
       fmt::format("this user cannot write the NAT log to {}: {}", config.directory, fault),
       fix_of_directory(config.directory)});
}

void check_accounting(const AccountingConfig& config, Findings& found) {
  if (!config.enabled()) return;
  const std::string directory = std::filesystem::path(config.database).parent_path().string();
  const std::string fault = fault_of_created(directory);
  if (fault.empty()) return;
  found.wrong.push_back(
      {"accounting_directory_unusable",
       fmt::format("this user cannot write accounting.database to {}: {}", directory, fault),
       fix_of_directory(directory)});
}

/// Root could read them when the configuration was read.
void check_tls_files(const CollectorConfig& collector, Findings& found) {
  for (const std::string* const file :
       {&collector.tls.ca_file, &collector.tls.certificate, &collector.tls.key}) {
    if (file->empty() || access(file->c_str(), R_OK) == 0) continue;
    found.wrong.push_back({"tls_file_unreadable",
                           fmt::format("this user cannot read {}: {}; ctflowd does not start",
                                       *file, text::errno_text()),
                           "chgrp to a group of this user, and chmod g+r, " + *file});
  }
}

/// A key that cannot be read is an error of the configuration already.
void check_key(const CollectorConfig& collector, Findings& found) {
  const std::string& key = collector.tls.key;
  struct stat status {};
  if (key.empty() || stat(key.c_str(), &status) != 0) return;
  constexpr mode_t kExposed = S_IRWXO | S_IWGRP;
  if ((status.st_mode & kExposed) == 0) return;
  found.wrong.push_back(
      {"tls_key_exposed",
       fmt::format("the private key {} has mode {:04o}: other users of this host can {} it, and "
                   "impersonate this exporter",
                   key, static_cast<unsigned>(status.st_mode & 07777),
                   (status.st_mode & S_IROTH) != 0 ? "read" : "replace"),
       "chmod o=,g-w " + key});
}

void check_expiry(const CollectorConfig& collector, Findings& found) {
  const std::optional<Certificate> own = own_certificate(collector.tls);
  if (!own) return;
  if (auto finding = expiry_finding(*own, left_of(*own))) {
    found.wrong.push_back(std::move(*finding));
  }
}

void check_collector(const CollectorConfig& collector, Findings& found) {
  switch (collector.transport) {
    case TransportKind::kFile:
      check_file_directory(collector, found);
      return;
    case TransportKind::kTls:
      check_tls_files(collector, found);
      check_key(collector, found);
      check_expiry(collector, found);
      check_spool(collector, found);
      return;
    case TransportKind::kTcp:
      check_spool(collector, found);
      return;
    case TransportKind::kUdp:
      return;
  }
}

/// What is there of an answer to a request for the head of /status, within about a second.
std::string head_from(const boost::asio::ip::tcp::endpoint& endpoint) {
  constexpr std::string_view kRequest = "HEAD /status HTTP/1.0\r\n\r\n";
  constexpr std::chrono::seconds kLongest{1};
  constexpr timeval kAtOnce{1, 0};
  constexpr std::size_t kHead = 1024;
  const Descriptor socket(::socket(endpoint.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {  // the latter for connect(), too: socket(7)
    setsockopt(socket.number(), SOL_SOCKET, option, &kAtOnce, sizeof kAtOnce);
  }
  const auto size = static_cast<socklen_t>(endpoint.size());
  if (connect(socket.number(), endpoint.data(), size) != 0) return "";
  if (send(socket.number(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return "";
  const auto until = std::chrono::steady_clock::now() + kLongest;
  std::string head;
  std::array<char, kHead> part{};
  while (head.size() < kHead && std::chrono::steady_clock::now() < until) {
    const ssize_t length = recv(socket.number(), part.data(), part.size(), 0);
    if (length <= 0) break;
    head.append(part.data(), static_cast<std::size_t>(length));
  }
  return head;
}

/// Whether a ctflowd answers there, usually the one that runs with this configuration.
bool is_ctflowd(boost::asio::ip::tcp::endpoint endpoint) {
  if (endpoint.address().is_unspecified()) {
    endpoint.address(endpoint.address().is_v6()
                         ? boost::asio::ip::address(boost::asio::ip::address_v6::loopback())
                         : boost::asio::ip::address(boost::asio::ip::address_v4::loopback()));
  }
  return head_from(endpoint).find("\r\nServer: ctflowd/") != std::string::npos;
}

void check_listen(const std::string& listen, Findings& found) {
  if (listen.empty()) return;
  const auto endpoint = status_endpoint(listen);
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) return;
  const bool in_use = error == boost::asio::error::address_in_use;
  if (in_use && is_ctflowd(endpoint)) return;
  found.wrong.push_back(
      {"status_listen_unusable",
       fmt::format("status.listen {} cannot be opened: {}{}", listen, error.message(),
                   in_use ? ", and no ctflowd answers there" : ""),
       in_use ? "ss -ltnp; stop the program that has the port, or set another one"
              : "set an address of this host and a port from 1024 up"});
}

void check_socket(const std::string& socket, Findings& found) {
  if (socket.empty() || socket == StatusConfig().socket) return;
  const auto add = [&](const std::string& fault, const std::string& fix) {
    found.wrong.push_back({"status_socket_unusable",
                           fmt::format("status.socket {} cannot be created: {}", socket, fault),
                           fix});
  };
  struct stat status {};
  if (lstat(socket.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
    add("a file that is not a socket exists there", "remove the file, or set another path");
    return;
  }
  // Only the last directory is created when ctflowd starts.
  const std::filesystem::path directory = std::filesystem::path(socket).parent_path();
  const std::filesystem::path above = directory.parent_path();
  std::error_code ignored;
  const bool exists = std::filesystem::is_directory(directory, ignored);
  const std::string place = exists ? directory.string() : above.string();
  const std::string fault = obstacle_in(place, DirectoryUse::kMakeAndFindFiles);
  if (!fault.empty()) add(place + ": " + fault, fix_of_directory(directory.string()));
}

}  // namespace

Findings check_places(const Config& config) {
  Findings found;
  for (const CollectorConfig& collector : config.collectors) {
    const std::size_t first = found.wrong.size();
    check_collector(collector, found);
    set_subject(found.wrong, first, collector.name);
  }
  found.add(check_log_places(config));
  check_listen(config.status.listen, found);
  check_socket(config.status.socket, found);
  check_nat_log(config.nat_log, found);
  check_accounting(config.accounting, found);
  found.add(check_paths(config));
  found.add(check_databases(config));
  found.add(check_spools(config));
  found.add(check_spool_sizes(config));
  return found;
}

}  // namespace ctflow
