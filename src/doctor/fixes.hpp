// SPDX-License-Identifier: GPL-2.0-or-later
// What ends a problem that several checks find.
#pragma once

#include <string>

#include "ctflow/config.hpp"

namespace ctflow {

/// Of a directory that cannot be used, or one that cannot be made.
std::string fix_of_directory(const std::string& directory);

/// Of a collector to which nothing can be sent.
std::string fix_of_way(const CollectorConfig& collector);

}  // namespace ctflow
