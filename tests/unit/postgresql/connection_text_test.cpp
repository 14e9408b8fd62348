// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/connection_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctflow::postgresql {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::Optional;

TEST(PostgresqlConnectionText, MayBeKeyWordsOrAnUri) {
  EXPECT_EQ(fault_of_connection("host=db dbname=flows passfile=/etc/ctflowd/pgpass"), std::nullopt);
  EXPECT_EQ(fault_of_connection("postgresql://ctflowd@db/flows?sslmode=verify-full"), std::nullopt);
  EXPECT_EQ(fault_of_connection("dbname=flows"), std::nullopt);
}

TEST(PostgresqlConnectionText, MustNotHaveAPassword) {
  for (const char* const text :
       {"host=db password=Geheim1", "postgresql://ctflowd:Geheim1@db/flows",
        "host=db sslpassword=Geheim1", "host=db password='Geheim1", "Geheim1",
        "host=db password=a Geheim1", "host=db Geheim1=1 password=x"}) {
    const auto fault = fault_of_connection(text);
    ASSERT_TRUE(fault) << text;
    EXPECT_THAT(*fault, Not(HasSubstr("Geheim1")));
  }
  EXPECT_THAT(fault_of_connection("host=db password=x"), Optional(HasSubstr("passfile=")));
}

TEST(PostgresqlConnectionText, NamesOneHost) {
  EXPECT_THAT(fault_of_connection("host=a,b"), Optional(HasSubstr("one host")));
  EXPECT_THAT(fault_of_connection("postgresql://a,b/flows"), Optional(HasSubstr("one host")));
  EXPECT_THAT(fault_of_connection("service=flows"), Optional(HasSubstr("service")));
}

TEST(PostgresqlConnectionText, SaysWhatHasToBeLookedUp) {
  const auto name = [](const char* text) { return name_to_look_up(*parse_connection(text)); };
  EXPECT_EQ(name("host=db.example.net"), "db.example.net");
  EXPECT_EQ(name("host=db.example.net hostaddr=192.0.2.1"), "");
  EXPECT_EQ(name("host=192.0.2.1"), "");
  EXPECT_EQ(name("host=2001:db8::1"), "");
  EXPECT_EQ(name("host=/run/postgresql"), "");
  EXPECT_EQ(name("host=@abstract"), "");
  EXPECT_EQ(name("dbname=flows"), "");
}

TEST(PostgresqlConnectionText, SaysWhereItLeads) {
  const auto place = [](const char* text) { return place_of(*parse_connection(text)); };
  EXPECT_EQ(place("host=db.example.net"), "db.example.net:5432");
  EXPECT_EQ(place("host=db hostaddr=2001:db8::1 port=5433"), "[2001:db8::1]:5433");
  EXPECT_EQ(place("host=/run/postgresql user=x"), "/run/postgresql");
  EXPECT_EQ(place("dbname=flows"), "local socket");
}

}  // namespace
}  // namespace ctflow::postgresql
