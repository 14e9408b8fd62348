// SPDX-License-Identifier: GPL-2.0-or-later
// The connection log that a configuration asks for.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "ctflow/config.hpp"
#include "ctflow/output.hpp"

namespace ctflow {

/// One of lines. `io` must outlive it.
std::unique_ptr<Output> make_connection_log(boost::asio::io_context& io,
                                            const ConnectionLogConfig& config,
                                            std::shared_ptr<const OutputContext> context);

}  // namespace ctflow
