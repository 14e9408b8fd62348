// SPDX-License-Identifier: GPL-2.0-or-later
// The page as HTML.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "page/values.hpp"

namespace ctflow::page {

std::string render(const PageValues& values);

/// Of its answer: no script, nothing from elsewhere, no style but its own.
std::vector<std::pair<std::string, std::string>> page_headers();

}  // namespace ctflow::page
