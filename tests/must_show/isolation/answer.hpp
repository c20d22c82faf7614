// A library of which there are two versions, with the same names and different answers. What is inline has one copy in a process,
// unless somebody keeps the plugins apart.
#pragma once

int answer();
struct Library {
  virtual ~Library() = default;
  virtual int version() const;
};
template <class T>
struct Uses {
  static inline T count{};
};
