// SPDX-License-Identifier: GPL-2.0-or-later
// A setting of accounting that names a file of names.
#pragma once

#include <string>
#include <vector>

#include "config/file_contents.hpp"
#include "config/formats.hpp"
#include "config/schema.hpp"
#include "ctflow/accounting_config.hpp"
#include "ctflow/config_error.hpp"

namespace ctflow::config {

/// The file is read with the settings, and again at a reload. It fills two members, so it gets the
/// structure that they are in.
template <typename Named>
class NamesFile final : public WholeKind {
 public:
  using Parse = std::vector<Named> (*)(const SourceText& source);

  NamesFile(std::string AccountingConfig::*file, std::vector<Named> AccountingConfig::*in_file,
            Parse parse)
      : file_(file), in_file_(in_file), parse_(parse) {}

  void read(const Place& place, const YamlNode& node, void* member) const override {
    auto& accounting = *static_cast<AccountingConfig*>(member);
    const std::string& name = accounting.*file_;
    path_.read(place, node, &(accounting.*file_));
    accounting.*in_file_ = parse_(SourceText(contents(place, node, name), name));
  }
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override {
    return path_.show(key, &(static_cast<const AccountingConfig*>(member)->*file_), indent);
  }
  [[nodiscard]] std::string schema() const override { return path_.schema(); }

 private:
  /// What is wrong in the file is said with its own line, that there is none with the setting's.
  static std::string contents(const Place& place, const YamlNode& node, const std::string& name) {
    try {
      return file_contents(name);
    } catch (const ConfigError& error) {
      place.fail(node.offset, error.what());
    }
  }
  [[nodiscard]] bool same(const void* left, const void* right) const override {
    const auto& one = *static_cast<const AccountingConfig*>(left);
    const auto& other = *static_cast<const AccountingConfig*>(right);
    return one.*file_ == other.*file_ && one.*in_file_ == other.*in_file_;
  }

  ValueKind<std::string, std::string> path_{absolute_path()};
  std::string AccountingConfig::*file_;
  std::vector<Named> AccountingConfig::*in_file_;
  Parse parse_;
};

template <typename Named>
Setting<AccountingConfig> names_file(const char* key, std::string AccountingConfig::*file,
                                     std::vector<Named> AccountingConfig::*in_file,
                                     typename NamesFile<Named>::Parse parse) {
  return {key, kOptional, absolute_path().expected,
          make_kind<NamesFile<Named>>(file, in_file, parse), 0};
}

}  // namespace ctflow::config
