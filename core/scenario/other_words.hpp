// Words that k6, Locust, Gatling and JMeter have for things that are called otherwise here.
#pragma once

#include <string_view>

namespace squall {

/// For an unknown key: how it is written here, such as "here it is `load: { users: 10 }` of a population";
/// "" when nobody else has that word.
std::string_view here_it_is(std::string_view key);

}  // namespace squall
