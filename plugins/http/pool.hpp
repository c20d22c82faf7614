// Objects that are used again, so that a steady load allocates nothing; those beyond a bound are given back to the heap.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace squall::http {

/// T has reset(), which makes it as good as new.
template <typename T>
class Pool {
 public:
  static constexpr size_t kMost = 256;

  T* take() {
    if (free_.empty()) return new T;
    T* one = free_.back().release();
    free_.pop_back();
    return one;
  }
  void give_back(T* one) {
    std::unique_ptr<T> owned(one);
    owned->reset();
    if (free_.size() < kMost) free_.push_back(std::move(owned));
  }

 private:
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace squall::http
