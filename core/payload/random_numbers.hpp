// The classic random variables, each from a RandomStream: what distributions and templates share.
// How many draws each takes is part of the promise that a seed gives the same run again.
#pragma once

#include <cstdint>

#include "payload/random_stream.hpp"

namespace squall {

/// Standard normal; two draws (Box and Muller, the cosine half).
double draw_normal(RandomStream& random);
/// Mean 1; one draw.
double draw_exponential(RandomStream& random);
/// Shape > 0, scale 1; a varying number of draws. Marsaglia and Tsang, ACM TOMS 26 (2000).
double draw_gamma(RandomStream& random, double shape);
/// In (0, 1); a / (a + b) of two gammas.
double draw_beta(RandomStream& random, double a, double b);
/// Whole numbers low … high, both included; one draw.
std::int64_t draw_whole(RandomStream& random, std::int64_t low, std::int64_t high);

}  // namespace squall
