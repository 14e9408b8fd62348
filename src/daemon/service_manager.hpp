// SPDX-License-Identifier: GPL-2.0-or-later
// State changes for systemd, by the protocol of sd_notify(3), which other service managers speak,
// too: docs/decisions/0033-own-sd-notify.md. No effect where $NOTIFY_SOCKET is not set, as it is
// for a service of type notify. A message may wait for one second; then it is lost.
#pragma once

#include <chrono>

namespace ctflow::service_manager {

void ready();
void reloading();
void stopping();
void alive();  ///< for the watchdog

/// The interval of alive(): half of $WATCHDOG_USEC, if $WATCHDOG_PID is this process or not set.
/// 0: no watchdog.
std::chrono::microseconds watchdog_interval();

}  // namespace ctflow::service_manager
