// SPDX-License-Identifier: GPL-2.0-or-later
// What `status --watch` shows on a terminal.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace ctflow {

struct TerminalSize {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

/// Of the terminal that standard output is; nothing: it is none.
std::optional<TerminalSize> size_of_terminal();

/// Makes all of a terminal empty; what follows is at its top.
void clear_screen(std::ostream& out);

/// Whether the verdict may have a colour: a terminal, and no NO_COLOR in the environment
/// (https://no-color.org).
bool colour_wanted();

/// The first lines of `text`, as many as there are rows, with those that are too long broken; the
/// last of them says how many are missing, and which command of ctflowd shows all.
std::string fit_screen(const std::string& text, TerminalSize size, std::string_view command);

/// The verdict, which is all of the first line before " (", in green or red.
std::string with_colour(const std::string& text, bool well);

}  // namespace ctflow
