#include "answer.hpp"

int answer() { return VERSION; }
int Library::version() const { return VERSION; }
