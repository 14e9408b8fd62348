// SPDX-License-Identifier: GPL-2.0-or-later
// What --help prints, for terminals of 80 columns.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ctflow {

class HelpText : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;

 private:
  [[nodiscard]] std::string in_column(const std::string& text) const;
};

}  // namespace ctflow
