// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/kernel_functions.hpp"

#include <bpf/btf.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ctflow {

namespace {

bool names(const btf* types, const char* function) {
  return types != nullptr && btf__find_by_name_kind(types, function, BTF_KIND_FUNC) >= 0;
}

}  // namespace

void KernelFunctions::Free::operator()(btf* types) const { btf__free(types); }

KernelFunctions::KernelFunctions(const char* module, const char* known)
    : kernel_(btf__load_vmlinux_btf()) {
  if (!kernel_) {
    obstacle_ =
        "the kernel does not describe its types (no /sys/kernel/btf/vmlinux: built without "
        "CONFIG_DEBUG_INFO_BTF)";
    return;
  }
  if (names(kernel_.get(), known)) return;
  module_.reset(btf__load_module_btf(module, kernel_.get()));
  if (names(module_.get(), known)) return;
  if (::access(fmt::format("/sys/module/{}", module).c_str(), F_OK) != 0) {
    obstacle_ = fmt::format("{0} is not loaded (modprobe {0})", module);
  } else if (!module_) {
    obstacle_ = fmt::format(
        "{0} does not describe its types (no /sys/kernel/btf/{0}: built without "
        "CONFIG_DEBUG_INFO_BTF_MODULES, or for another kernel)",
        module);
  } else {
    obstacle_ = fmt::format("{} has no function {} to attach to", module, known);
  }
}

bool KernelFunctions::has(const char* function) const {
  return names(module_.get(), function) || names(kernel_.get(), function);
}

}  // namespace ctflow
