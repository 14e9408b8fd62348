// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/audit.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "log/log.hpp"
#include "process/descriptor.hpp"

namespace ctflow::nat {

bool record_use(const std::string& what, const char* socket_name) {
  // syslog(3) does not say whether anything took the line.
  const Descriptor log(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view path(socket_name);
  if (!log.is_open() || path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());  // zeros follow
  const char* const sudo_user = std::getenv("SUDO_USER");
  const std::string line = fmt::format(
      "<{}>ctflowd[{}]: {} uid={}{}", LOG_AUTHPRIV | LOG_NOTICE, getpid(), what, getuid(),
      sudo_user == nullptr ? "" : fmt::format(" sudo_user={}", log::quoted(sudo_user)));
  return sendto(log.number(), line.data(), line.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

}  // namespace ctflow::nat
