// SPDX-License-Identifier: GPL-2.0-or-later
// Privileges of the process after the start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ctflow {

/// What stays after drop_privileges(). CAP_NET_ADMIN always does: it reads the kernel's events.
struct KeptPrivileges {
  bool sys_admin = false;         ///< CAP_SYS_ADMIN: enters other network namespaces, or fentry
  bool net_bind_service = false;  ///< CAP_NET_BIND_SERVICE: binds ports below 1024
  bool net_raw = false;           ///< CAP_NET_RAW: binds to a device, before Linux 5.7
  bool bpf = false;               ///< CAP_BPF, CAP_PERFMON: measures by eBPF programs
};

/// Becomes `user`, with its groups, and drops every capability but those kept, irrevocably and
/// for programs that are started, too. To be called before the first thread. Throws
/// std::runtime_error, which says what is missing; then the process must not go on.
void drop_privileges(const std::string& user, KeptPrivileges kept);

/// Throws std::runtime_error for a user that drop_privileges() would refuse.
void check_user(const std::string& user);

/// Creates `directory` for `user`, or changes its owner from root. Throws std::runtime_error.
void make_directory_of(const std::string& user, const std::string& directory);

/// Gives files that a ctflowd running as root left to `user`: those of root that no other directory
/// has as well, without following links. What cannot be given stays as it is.
void give_left_over_files(const std::string& user, const std::vector<std::string>& files);

}  // namespace ctflow
