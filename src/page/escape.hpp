// SPDX-License-Identifier: GPL-2.0-or-later
// Text of others as it may stand in HTML, in its attributes and in SVG.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctflow::page {

/// As text::printable(), at most `longest` characters, with & < > " ' as references. What HTML does
/// not allow (noncharacters) is U+FFFD.
std::string html(std::string_view text, std::size_t longest = 64);

}  // namespace ctflow::page
