// SPDX-License-Identifier: GPL-2.0-or-later
// Text for a terminal: within its columns, and numbers that can be read at a glance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ctflow::text {

/// Columns of the narrowest terminal that text is made for.
inline constexpr std::size_t kColumns = 80;

/// At most `columns` characters (UTF-8), the last one an ellipsis if something is missing.
std::string cut(std::string_view text, std::size_t columns);

/// Every line broken between words so that none is longer than `columns`; what follows a break
/// begins with `indent` spaces more than the line did. A number stays with its groups of digits and
/// its unit. A word that is longer than a line is broken,
/// too.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns = kColumns);

}  // namespace ctflow::text
