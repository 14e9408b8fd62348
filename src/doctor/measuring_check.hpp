// SPDX-License-Identifier: GPL-2.0-or-later
// What would measure beside conntrack if ctflowd ran, and why nothing better.
#pragma once

#include <optional>
#include <string>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "extras/choose_origin.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {

struct Measuring {
  Capabilities capabilities;
  std::string obstacle;  ///< `ORIGIN: reason` of each better origin that was tried
};

/// Tries the origins as the daemon does. Programs are loaded for a moment, and watch nothing.
class MeasuringCheck {
 public:
  /// In the network namespace that this thread is in.
  Measuring find(const SourceConfig& config, const std::string& directory = kSettingsDirectory);

 private:
  std::string try_fentry(const SourceConfig& config, const std::string& directory,
                         Capabilities& found);

  std::optional<std::string> loading_;  ///< the obstacle; nothing: not tried yet
  bool flowtables_ = false;
};

/// For people.
std::string describe(const Measuring& measuring);

}  // namespace ctflow
