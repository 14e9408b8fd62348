// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string_view>

#include "process/descriptor.hpp"
#include "text/number_text.hpp"

namespace ctflow::service_manager {
namespace {

/// Empty: not set. Nothing changes the environment.
std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// One datagram to the socket that $NOTIFY_SOCKET names: a path, or, with "@" in place of the first
/// octet, which is zero, a name in the abstract namespace. What does not arrive is lost, as with
/// sd_notify(3) whose result is not looked at: a service manager that hears nothing says so.
void send(std::string_view text) {
  const std::string_view name = variable("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_abstract = name.starts_with('@');
  const std::size_t longest = sizeof address.sun_path - (is_abstract ? 0 : 1);
  if ((!is_abstract && !name.starts_with('/')) || name.size() < 2 || name.size() > longest) return;
  std::copy(name.begin(), name.end(), std::begin(address.sun_path));
  if (is_abstract) address.sun_path[0] = '\0';

  const Descriptor descriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!descriptor.is_open()) return;
  // The queue is short, and every service of the host writes to it. Flows wait meanwhile.
  const timeval patience{1, 0};
  setsockopt(descriptor.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  // The length counts: zeros behind an abstract name would be part of it.
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  while (sendto(descriptor.number(), text.data(), text.size(), MSG_NOSIGNAL, generic, length) < 0 &&
         errno == EINTR) {
  }
}

}  // namespace

void ready() { send("READY=1"); }

void reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  // For Type=notify-reload.
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1000));
}

void stopping() { send("STOPPING=1"); }

void alive() { send("WATCHDOG=1"); }

std::chrono::microseconds watchdog_interval() {
  // Inherited, for a process that has started this one.
  const std::string_view meant = variable("WATCHDOG_PID");
  const auto own = static_cast<std::uint32_t>(getpid());
  if (!meant.empty() && text::parse_number<std::uint32_t>(meant) != own) return {};
  const auto limit = text::parse_number<std::uint64_t>(variable("WATCHDOG_USEC"));
  if (!limit || *limit == UINT64_MAX) return {};  // the greatest: no limit
  return std::chrono::microseconds(
      static_cast<std::int64_t>(*limit / 2));  // as sd_watchdog_enabled(3) advises
}

}  // namespace ctflow::service_manager
