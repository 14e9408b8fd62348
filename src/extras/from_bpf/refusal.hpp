// SPDX-License-Identifier: GPL-2.0-or-later
// Why a kernel that has eBPF refuses our programs.
#pragma once

#include <cstdint>
#include <string>

namespace ctflow {

/// Where this process and the kernel say what they permit.
struct PermissionFiles {
  std::string status = "/proc/thread-self/status";
  std::string lockdown = "/sys/kernel/security/lockdown";
};

/// The reason behind an error number, if it can be found, else `words`, which are those of the
/// kernel or of libbpf. `needed`: bits of capabilities; CAP_SYS_ADMIN, which is as good as all,
/// only for functions of a module, whose types the kernel gives to it alone.
std::string explain_refusal(int error, const std::string& words, std::uint64_t needed,
                            const PermissionFiles& files = {});

}  // namespace ctflow
