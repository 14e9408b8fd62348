// SPDX-License-Identifier: GPL-2.0-or-later
// Which ctflowd this is, and what it was built with.
#pragma once

#include <string>

namespace ctflow {

/// That of the release: `0.1.0`; of a checkout with its commit: `0.1.0+g0123abc`, and `.dirty`
/// behind it if files were changed. In a source archive the file `.version` says it.
const char* version();

/// What `--version` prints: version, build type, optional parts, libraries.
std::string version_text();

/// The same as one JSON object: version, build_type, parts (name → bool), libraries (name →
/// version).
std::string version_json();

}  // namespace ctflow
