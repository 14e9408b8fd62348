// SPDX-License-Identifier: GPL-2.0-or-later
// Asio's and Beast's own code, compiled once instead of in each file that uses them
// (BOOST_ASIO_SEPARATE_COMPILATION, BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
#ifdef CTFLOWD_TLS
#include <boost/asio/ssl/impl/src.hpp>
#endif
