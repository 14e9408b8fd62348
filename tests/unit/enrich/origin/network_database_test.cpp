// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/network_database.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/source_directory.hpp"
#include "support/temporary_file.hpp"

/// MMDB_open() 1.7 keeps what it had read of the metadata of a file that turns out to be none.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" const char* __lsan_default_suppressions() { return "leak:libmaxminddb\n"; }

namespace ctflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// One of those that tests/support/mmdb.py writes.
std::string database_file(const std::string& name) {
  return test::source_directory() + "/tests/data/mmdb/" + name + ".mmdb";
}

std::string why_not(const std::string& file, DatabaseContent content = DatabaseContent::kAsNumber) {
  try {
    const NetworkDatabase database(file, content);
    return "it is one";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

#ifdef CTFLOWD_MAXMIND

std::string octets_of(const std::string& file) {
  std::ostringstream all;
  all << std::ifstream(file, std::ios::binary).rdbuf();
  return all.str();
}

std::uint32_t as_of(const NetworkDatabase& database, const std::string& address) {
  const bool v6 = address.find(':') != std::string::npos;
  IpAddress octets;
  EXPECT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), octets.octets.data()), 1);
  NetworkOrigin origin;
  database.find(v6 ? AddressFamily::kIpv6 : AddressFamily::kIpv4, octets, origin);
  return origin.as_number;
}

NetworkDatabase opened(const std::string& name) {
  return {database_file(name), DatabaseContent::kAsNumber};
}

TEST(NetworkDatabase, FindsTheLongestPrefixOfBothFamilies) {
  const NetworkDatabase database = opened("as");
  EXPECT_EQ(as_of(database, "192.0.2.0"), 64496U);
  EXPECT_EQ(as_of(database, "192.0.2.255"), 64496U);
  EXPECT_EQ(as_of(database, "198.51.100.127"), 64497U);
  EXPECT_EQ(as_of(database, "198.51.100.128"), 4'200'000'001U);
  EXPECT_EQ(as_of(database, "2001:db8::1"), 65550U);
  EXPECT_EQ(as_of(database, "2001:db8:1:ffff::1"), 65551U);
}

TEST(NetworkDatabase, SaysNothingOfAddressesInNoNetwork) {
  const NetworkDatabase database = opened("as");
  for (const char* address : {"192.0.1.255", "192.0.3.0", "10.0.0.1", "0.0.0.0", "255.255.255.255",
                              "2001:db7::1", "::", "::1", "fe80::1", "ff02::1"}) {
    EXPECT_EQ(as_of(database, address), 0U) << address;
  }
}

TEST(NetworkDatabase, TakesAnIpv4AddressWithinAnIpv6OneForWhatItIs) {
  for (const char* name : {"as", "as-ipv4-only"}) {
    const NetworkDatabase database = opened(name);
    EXPECT_EQ(as_of(database, "::ffff:192.0.2.1"), 64496U) << name;
    EXPECT_EQ(as_of(database, "64:ff9b::192.0.2.1"), 64496U) << name;
    EXPECT_EQ(as_of(database, "64:ff9b:1::192.0.2.1"), 0U) << name;  // another prefix
    EXPECT_EQ(as_of(database, "::ffff:203.0.113.1"), 0U) << name;
  }
}

TEST(NetworkDatabase, HasNoIpv6WhereTheFileHasNone) {
  const NetworkDatabase database = opened("as-ipv4-only");
  EXPECT_EQ(as_of(database, "198.51.100.200"), 4'200'000'001U);
  EXPECT_EQ(as_of(database, "2001:db8::1"), 0U);
}

TEST(NetworkDatabase, ReadsAsNumbersInText) {
  const NetworkDatabase database = opened("as-text");
  EXPECT_EQ(as_of(database, "192.0.2.1"), 64496U);
  EXPECT_EQ(as_of(database, "198.51.100.1"), 64497U);
  EXPECT_EQ(as_of(database, "203.0.113.1"), 0U);  // of more than 32 bits
  EXPECT_EQ(as_of(database, "2001:db8::1"), 0U);  // no number
}

TEST(NetworkDatabase, ReadsAsNumbersOf64BitsThatFit) {
  const NetworkDatabase database = opened("as-64-bits");
  EXPECT_EQ(as_of(database, "192.0.2.1"), 64496U);
  EXPECT_EQ(as_of(database, "198.51.100.1"), 0U);  // not 5, which its last 32 bits are
  EXPECT_EQ(as_of(database, "203.0.113.1"), 0U);   // the entry has none
}

TEST(NetworkDatabase, ReadsCountriesOfTwoLetters) {
  const auto country_of = [](const std::string& name, const IpAddress& address) {
    NetworkOrigin origin;
    const NetworkDatabase database(database_file(name), DatabaseContent::kCountry);
    database.find(AddressFamily::kIpv4, address, origin);
    EXPECT_EQ(origin.as_number, 0U);
    return std::string(origin.country.data(), origin.country[0] == 0 ? 0 : origin.country.size());
  };
  const IpAddress first{{192, 0, 2, 1}};
  const IpAddress second{{198, 51, 100, 1}};
  const IpAddress third{{203, 0, 113, 1}};
  EXPECT_EQ(country_of("country", first), "DE");
  EXPECT_EQ(country_of("country", second), "");  // a continent alone
  EXPECT_EQ(country_of("country-codes", first), "DE");
  EXPECT_EQ(country_of("country-codes", second), "NZ");  // beside a name
  EXPECT_EQ(country_of("country-codes", third), "");     // no code
}

TEST(NetworkDatabase, LeavesWhatIsKnownOfAnAddressThatItDoesNotHave) {
  NetworkOrigin origin{7, {}};
  opened("as").find(AddressFamily::kIpv4, IpAddress{{10, 0, 0, 1}}, origin);
  EXPECT_EQ(origin.as_number, 7U);
}

TEST(NetworkDatabase, SaysOfWhichTypeItIsAndWhenItWasMade) {
  const NetworkDatabase database = opened("as");
  EXPECT_EQ(database.type(), "GeoLite2-ASN");
  EXPECT_EQ(database.built().time_since_epoch().count(), 1'700'000'000);
}

TEST(NetworkDatabase, RefusesAFileOfAnotherKind) {
  const std::string country = database_file("country");
  EXPECT_EQ(why_not(country), country +
                                  ": expected networks with an AS number, as GeoLite2-ASN has it; "
                                  "the database is of type GeoLite2-Country");
  const std::string as = database_file("as");
  EXPECT_EQ(why_not(as, DatabaseContent::kCountry),
            as + ": expected networks with a country, as GeoLite2-Country has it; the database is "
                 "of type GeoLite2-ASN");
  EXPECT_THAT(why_not(database_file("empty")), HasSubstr("expected networks with an AS number"));
}

TEST(NetworkDatabase, RefusesWhatIsNoDatabase) {
  const test::TemporaryFile empty;
  const test::TemporaryFile text("192.0.2.0/24 64496\n");
  for (const std::string& file : {empty.name(), text.name()}) {
    EXPECT_THAT(why_not(file),
                AllOf(StartsWith(file + ": "), HasSubstr("a database in MaxMind's format")));
  }
  EXPECT_EQ(why_not("/nonexistent/as.mmdb"), "/nonexistent/as.mmdb: No such file or directory");
  EXPECT_EQ(why_not("/tmp"), "/tmp: expected a regular file");
  EXPECT_EQ(why_not("/dev/null"), "/dev/null: expected a regular file");
}

TEST(NetworkDatabase, SurvivesAFileThatIsCutAnywhere) {
  const std::string all = octets_of(database_file("as"));
  for (std::size_t length = 0; length < all.size(); length += 7) {
    const test::TemporaryFile cut(all.substr(0, length));
    EXPECT_THAT(why_not(cut.name()), StartsWith(cut.name() + ": expected ")) << length;
  }
}

TEST(NetworkDatabase, SurvivesOctetsThatAreWrong) {
  const std::string all = octets_of(database_file("as"));
  std::size_t opened_ones = 0;
  for (std::size_t at = 0; at < all.size(); ++at) {
    std::string wrong = all;
    wrong[at] = static_cast<char>(~wrong[at]);
    const test::TemporaryFile file(wrong);
    try {
      const NetworkDatabase database(file.name(), DatabaseContent::kAsNumber);
      ++opened_ones;
      as_of(database, "192.0.2.1");
      as_of(database, "198.51.100.200");
      as_of(database, "2001:db8:1::1");
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), StartsWith(file.name() + ": "));
    }
  }
  EXPECT_GT(opened_ones, all.size() / 2);
}

TEST(NetworkDatabase, StaysWholeWhenItsFileIsCut) {
  const test::TemporaryFile file(octets_of(database_file("as")));
  const NetworkDatabase database(file.name(), DatabaseContent::kAsNumber);
  std::ofstream(file.name(), std::ios::trunc).close();  // mapped, it would end the process
  EXPECT_EQ(as_of(database, "198.51.100.200"), 4'200'000'001U);
  EXPECT_EQ(as_of(database, "2001:db8:1::1"), 65551U);
}

#else

TEST(NetworkDatabase, SaysThatThisBuildHasNone) {
  EXPECT_THAT(why_not(database_file("as")), HasSubstr("built without libmaxminddb"));
}

#endif

}  // namespace
}  // namespace ctflow
