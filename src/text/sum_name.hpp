// SPDX-License-Identifier: GPL-2.0-or-later
// Names of devices that people would take for a sum.
#pragma once

#include <string>
#include <string_view>

namespace ctflow::text {

/// As rows of a report are called that are no device: `total`, `other (3)`, `uncounted`, in any
/// case. A device may give itself any name.
bool reads_as_sum(std::string_view name);

/// How a device is called in a list: by its name, or its key where it has none, and by both where
/// the name reads as a sum.
std::string device_label(const std::string& name, const std::string& key);

}  // namespace ctflow::text
