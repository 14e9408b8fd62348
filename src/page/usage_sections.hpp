// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of the page that accounting has: tables, course and who uses how much now.
#pragma once

#include <string>

#include "page/values.hpp"

namespace ctflow::page {

std::string usage_sections(const PageValues& values);

/// ` of namespace NAME` as HTML, behind a heading; empty for the one that ctflowd runs in.
std::string of_namespace(const std::string& name);

}  // namespace ctflow::page
