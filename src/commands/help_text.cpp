// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/help_text.hpp"

#include <sstream>

#include "text/columns.hpp"

namespace ctflow {

std::string HelpText::make_description(const CLI::App* app) const {
  return text::wrapped(CLI::Formatter::make_description(app), 0);
}

/// Behind the name; the formatter itself indents what follows a line feed, and ends the last line.
std::string HelpText::in_column(const std::string& text) const {
  std::string lines = text::wrapped(text, 0, text::kColumns - get_column_width());
  if (!lines.empty()) lines.pop_back();
  return lines;
}

std::string HelpText::make_option_desc(const CLI::Option* option) const {
  return in_column(CLI::Formatter::make_option_desc(option));
}

std::string HelpText::make_subcommand(const CLI::App* command) const {
  std::ostringstream out;
  CLI::detail::format_help(out, command->get_display_name(true),
                           in_column(command->get_description()), get_column_width());
  return out.str();
}

}  // namespace ctflow
