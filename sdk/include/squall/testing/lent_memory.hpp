// Views that end: what a host lends to a plugin for the time of one call stands in pages of its own here, and when the
// loan is over nobody can read them any more. A plugin that kept a view (R4) is then ended by a signal where it reads
// it, instead of reading what happens to stand there. For hosts that check; a page and three system calls a loan.
#pragma once
#include <squall/abi.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

namespace squall::lent {

/// Pages of loans that are over. They stay closed for a while: an address that is mapped anew at once would hide what
/// this is there to find. [any]
class Closed {
 public:
  /// `until`: what ended the loan, "on_data"; lives as long as the program.
  static void add(void* begin, std::size_t size, const char* until) {
    static auto& closed = *new Closed;   // for handlers of signals, to the end of the process
    made_.store(&closed, std::memory_order_release);
    ::mprotect(begin, size, PROT_NONE);
    const std::lock_guard lock(closed.mutex_);
    if (closed.count_ == kLoans) closed.forget_oldest();
    closed.loans_[(closed.first_ + closed.count_++) % kLoans] = {begin, size, until};
    closed.bytes_ += size;
    while (closed.bytes_ > kBytes) closed.forget_oldest();
  }

  /// What ended the loan that `address` was in; nullptr: it was in none, or who holds the list has fallen. A signal
  /// handler may ask.
  static const char* ended_by(const void* address) noexcept {
    Closed* const closed = made_.load(std::memory_order_acquire);
    if (!closed || !closed->mutex_.try_lock()) return nullptr;
    const std::lock_guard lock(closed->mutex_, std::adopt_lock);
    for (std::size_t i = 0; i < closed->count_; ++i) {
      const Loan& loan = closed->loans_[(closed->first_ + i) % kLoans];
      const auto* const begin = static_cast<const char*>(loan.begin);
      if (begin <= address && address < begin + loan.size) return loan.until;
    }
    return nullptr;
  }

 private:
  struct Loan {
    void* begin;
    std::size_t size;
    const char* until;
  };
  static constexpr std::size_t kLoans = 4096, kBytes = std::size_t{1} << 30;   // of addresses: closed pages hold no memory

  void forget_oldest() {
    const Loan oldest = loans_[first_];
    ::munmap(oldest.begin, oldest.size);
    bytes_ -= oldest.size;
    first_ = (first_ + 1) % kLoans;
    --count_;
  }

  static inline std::atomic<Closed*> made_{nullptr};
  std::mutex mutex_;
  std::array<Loan, kLoans> loans_{};   // no heap: who counts what a plugin allocates sees nothing of this
  std::size_t first_ = 0, count_ = 0, bytes_ = 0;
};

/// One loan: copies of values, deep, until close(). Not copied, not moved; one thread at a time.
class Memory {
 public:
  /// `until`: what ends it, for who falls over it; lives as long as the program.
  explicit Memory(const char* until = "its end") : until_(until) {}
  ~Memory() { close(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// The loan is over. What was lent can be neither read nor written; the next copy begins a new loan.
  void close() {
    while (blocks_) {
      Block* const block = std::exchange(blocks_, blocks_->before);
      Closed::add(block, block->size, until_);
    }
  }

  /// NULL stays NULL: a view of nothing is nothing.
  template <class T>
  T* copy(const T* items, std::uint64_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!items) return nullptr;
    T* const made = static_cast<T*>(take(sizeof(T) * count, alignof(T)));
    if (count) std::memcpy(static_cast<void*>(made), items, sizeof(T) * count);
    return made;
  }
  sq_str copy(sq_str text) { return {copy(text.ptr, text.len), text.len}; }
  sq_value copy(sq_value value) {
    if (value.type == SQ_T_STR || value.type == SQ_T_BYTES) value.u.str = copy(value.u.str);
    if (value.type == SQ_T_LIST) value.u.list.ptr = copy_all(value.u.list.ptr, value.u.list.len);
    if (value.type == SQ_T_MAP) value.u.map.ptr = copy_all(value.u.map.ptr, value.u.map.len);
    return value;
  }
  sq_pair copy(sq_pair pair) { return {copy(pair.key), copy(pair.value)}; }
  sq_binding copy(sq_binding binding) {
    binding.value = copy(binding.value);
    return binding;
  }
  template <class T>
  const T* copy_all(const T* items, std::uint64_t count) {
    T* const made = copy(items, count);
    for (std::uint64_t i = 0; made && i < count; ++i) made[i] = copy(items[i]);
    return made;
  }

 private:
  struct Block {
    Block* before;
    std::size_t size, used;
  };

  void* take(std::size_t size, std::size_t alignment) {
    if (blocks_) {
      const std::size_t at = (blocks_->used + alignment - 1) / alignment * alignment;
      if (at + size <= blocks_->size) {
        blocks_->used = at + size;
        return reinterpret_cast<char*>(blocks_) + at;
      }
    }
    constexpr std::size_t kPage = 4096;
    const std::size_t wanted = (sizeof(Block) + alignment + size + kPage - 1) / kPage * kPage;
    void* const made = ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) throw std::bad_alloc();
    blocks_ = new (made) Block{blocks_, wanted, sizeof(Block)};
    return take(size, alignment);
  }

  const char* const until_;
  Block* blocks_ = nullptr;
};

}  // namespace squall::lent
