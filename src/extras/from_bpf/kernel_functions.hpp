// SPDX-License-Identifier: GPL-2.0-or-later
// Which functions the running kernel and its modules have, as their BTF says.
#pragma once

#include <memory>
#include <string>

struct btf;

namespace ctflow {

/// The kernel, and one of its modules if that is not built in.
class KernelFunctions {
 public:
  /// `module`: for example nf_conntrack. `known`: a function that it has.
  KernelFunctions(const char* module, const char* known);

  /// Empty: the functions can be looked up. Else one line that says why not, with the fix.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

  [[nodiscard]] bool has(const char* function) const;

  [[nodiscard]] bool in_module() const { return module_ != nullptr; }

 private:
  struct Free {
    void operator()(btf* types) const;
  };
  std::unique_ptr<btf, Free> kernel_;
  std::unique_ptr<btf, Free> module_;  ///< null: built in. Refers to kernel_
  std::string obstacle_;
};

}  // namespace ctflow
