// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/refusal.hpp"

#include <fmt/format.h>
#include <linux/capability.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "process/effective_capabilities.hpp"

namespace ctflow {
namespace {

constexpr std::array kNames{std::pair{CAP_BPF, "CAP_BPF"}, std::pair{CAP_PERFMON, "CAP_PERFMON"},
                            std::pair{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                            std::pair{CAP_SYS_ADMIN, "CAP_SYS_ADMIN (nf_conntrack is a module)"}};

std::string missing_capabilities(std::uint64_t needed, const std::string& status_file) {
  const auto held = effective_capabilities(status_file);
  if (!held || (*held >> CAP_SYS_ADMIN & 1U) != 0) return "";
  std::string names;
  int missing = 0;
  for (const auto& [number, name] : kNames) {
    if (((needed & ~*held) >> number & 1U) == 0) continue;
    names += fmt::format("{}{}", missing++ > 0 ? " and " : "", name);
  }
  if (missing == 0) return "";
  return fmt::format("{} {} missing", names, missing > 1 ? "are" : "is");
}

/// Such a kernel lets no process read its memory.
bool is_confidential(const std::string& lockdown_file) {
  std::ifstream file(lockdown_file);
  const std::string modes{std::istreambuf_iterator<char>(file), {}};
  return modes.find("[confidentiality]") != std::string::npos;
}

}  // namespace

std::string explain_refusal(int error, const std::string& words, std::uint64_t needed,
                            const PermissionFiles& files) {
  // Without the types of the module libbpf fails in many ways.
  const bool needs_types = (needed >> CAP_SYS_ADMIN & 1U) != 0;
  if (error == EPERM || error == EACCES || needs_types) {
    const std::string missing = missing_capabilities(needed, files.status);
    if (!missing.empty()) return "not permitted: " + missing;
  }
  // With EINVAL, as of a function that it has not. libbpf then tries its older name.
  const bool reads = words.find("bpf_probe_read") != std::string::npos;
  if ((error == EPERM || reads) && is_confidential(files.lockdown)) {
    return "the kernel is locked down (lockdown=confidentiality): " + words;
  }
  if (error != EPERM) return words;
  return fmt::format("not permitted: {} (this kernel forbids such programs, or a container)",
                     words);
}

}  // namespace ctflow
