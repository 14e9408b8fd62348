// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/certificate_expiry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctflow {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

TimePoint in_2026() {
  return std::chrono::sys_days(std::chrono::year(2026) / std::chrono::November / 30) + hours(12);
}

TEST(CertificateExpiry, IsAFindingFromTwoWeeksBefore) {
  const Certificate collector{CertificateOwner::kCollector, in_2026()};
  EXPECT_FALSE(expiry_finding(collector, hours(14 * 24) + seconds(1)));
  const auto soon = expiry_finding(collector, hours(14 * 24));
  ASSERT_TRUE(soon);
  EXPECT_EQ(soon->name, "certificate_expires");
  EXPECT_THAT(soon->impact, HasSubstr("expires in 336 h, on 2026-11-30 12:00 UTC: "));
  EXPECT_EQ(expiry_finding(collector, seconds(1))->name, "certificate_expires");
  EXPECT_EQ(expiry_finding(collector, seconds(0))->name, "certificate_expired");
}

TEST(CertificateExpiry, SaysWhoseItIs) {
  const auto own = expiry_finding({CertificateOwner::kExporter, in_2026()}, seconds(-1));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->name, "certificate_expired");
  EXPECT_THAT(own->impact, HasSubstr("(tls.certificate) expired on 2026-11-30 12:00 UTC: "));
  EXPECT_THAT(own->fix, HasSubstr("renew the file"));
}

TEST(CertificateExpiry, LeavesWhatIsBeforeTheEpochAndFarAway) {
  const Certificate old{CertificateOwner::kCollector, TimePoint(seconds(-86'400))};
  EXPECT_THAT(expiry_finding(old, left_of(old))->impact, HasSubstr("expired on 1969-12-31 00:00"));
  const Certificate never{CertificateOwner::kCollector, TimePoint::max()};
  EXPECT_FALSE(expiry_finding(never, left_of(never)));
}

}  // namespace
}  // namespace ctflow
