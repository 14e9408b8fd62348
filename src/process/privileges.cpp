// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/privileges.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "process/descriptor.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

using CapabilitySet = std::uint64_t;

constexpr CapabilitySet bit(int capability) { return CapabilitySet{1} << capability; }

[[noreturn]] void fail(const std::string& user, const std::string& what, int error) {
  throw std::runtime_error(fmt::format("user: {}: {}: {}", user, what, text::errno_text(error)));
}

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

Account find_account(const std::string& user) {
  errno = 0;
  const passwd* const entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    throw std::runtime_error(fmt::format(
        "user: {}: there is no such user; create it with useradd --system {}", user, user));
  }
  if (entry->pw_uid == 0) {
    throw std::runtime_error(
        fmt::format("user: {}: that is root; set another user, or none", user));
  }
  return {entry->pw_uid, entry->pw_gid};
}

/// No wrapper in the C library.
bool set_capabilities(CapabilitySet permitted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  data[0].effective = data[0].permitted = static_cast<std::uint32_t>(permitted);
  data[1].effective = data[1].permitted = static_cast<std::uint32_t>(permitted >> 32);
  return syscall(SYS_capset, &header, data.data()) == 0;
}

CapabilitySet permitted_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return data[0].permitted | static_cast<CapabilitySet>(data[1].permitted) << 32;
}

/// The bounding set is what a file with capabilities could bring back.
void bound(CapabilitySet kept) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if ((kept & bit(capability)) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

}  // namespace

void drop_privileges(const std::string& user, KeptPrivileges kept) {
  const Account account = find_account(user);
  if (geteuid() != 0) {
    if (geteuid() == account.user) return;  // done by a service manager
    throw std::runtime_error(fmt::format(
        "user: {}: only root can become another user; start ctflowd as root or as {}", user, user));
  }
  CapabilitySet capabilities = bit(CAP_NET_ADMIN);
  if (kept.sys_admin) capabilities |= bit(CAP_SYS_ADMIN);
  if (kept.net_bind_service) capabilities |= bit(CAP_NET_BIND_SERVICE);
  if (kept.net_raw) capabilities |= bit(CAP_NET_RAW);
  if (kept.bpf) capabilities |= bit(CAP_BPF) | bit(CAP_PERFMON);
  capabilities &= permitted_capabilities();  // a container's root may have fewer
  bound(capabilities);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) fail(user, "keeping capabilities", errno);
  if (initgroups(user.c_str(), account.group) != 0) fail(user, "taking its groups", errno);
  if (setresgid(account.group, account.group, account.group) != 0) {
    fail(user, "taking its group", errno);
  }
  if (setresuid(account.user, account.user, account.user) != 0) fail(user, "changing to it", errno);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (!set_capabilities(capabilities)) fail(user, "dropping capabilities", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(user, "setting no_new_privs", errno);
  if (setuid(0) == 0 || (permitted_capabilities() & ~capabilities) != 0) {
    throw std::runtime_error(fmt::format("user: {}: privileges could not be dropped", user));
  }
}

void check_user(const std::string& user) { find_account(user); }

void make_directory_of(const std::string& user, const std::string& directory) {
  if (geteuid() != 0) return;
  const Account account = find_account(user);
  constexpr mode_t kOwnerAndReaders = 0755;
  if (mkdir(directory.c_str(), kOwnerAndReaders) != 0 && errno != EEXIST) {
    fail(user, "creating " + directory, errno);
  }
  struct stat made {};
  if (lstat(directory.c_str(), &made) != 0) fail(user, "reading " + directory, errno);
  if (made.st_uid != 0) return;  // already owned by another user
  if (!S_ISDIR(made.st_mode)) fail(user, "creating " + directory, ENOTDIR);
  if (lchown(directory.c_str(), account.user, account.group) != 0 ||
      chmod(directory.c_str(), kOwnerAndReaders) != 0) {
    fail(user, "changing the owner of " + directory, errno);
  }
}

void give_left_over_files(const std::string& user, const std::vector<std::string>& files) {
  if (geteuid() != 0) return;
  const Account account = find_account(user);
  for (const std::string& name : files) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    const Descriptor file(
        open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file.is_open()) continue;
    struct stat found {};
    // A second name could be one that the user made of a file that is none of ours.
    if (fstat(file.number(), &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == 0 &&
        found.st_nlink == 1) {
      static_cast<void>(fchown(file.number(), account.user, account.group) == 0);
    }
  }
}

}  // namespace ctflow
