#include "plugin_host/process_state.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>

namespace squall {
namespace {

constexpr std::size_t kKindsTold = 3;

bool is_same(const struct sigaction& a, const struct sigaction& b) {
  return (a.sa_flags & SA_SIGINFO) == (b.sa_flags & SA_SIGINFO) &&
         ((a.sa_flags & SA_SIGINFO) ? a.sa_sigaction == b.sa_sigaction : a.sa_handler == b.sa_handler);
}

/// "/dev/null"; of sockets, pipes and the like the kind alone.
std::string kind_of(int descriptor) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", descriptor).c_str(), target, sizeof(target));
  if (length <= 0) return "unknown";
  const std::string_view text(target, static_cast<std::size_t>(length));
  return std::string(text.front() == '/' ? text : text.substr(0, text.find(':')));
}

/// Asking umask() would set it for a moment, under the hands of other threads.
unsigned own_umask() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    unsigned mask = 0;
    if (word == "Umask:" && status >> std::oct >> mask) return mask;
  }
  return 0;
}

}  // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  if (const char* locale = std::setlocale(LC_ALL, nullptr)) state.locale_ = locale;
  char folder[PATH_MAX];
  if (::getcwd(folder, sizeof(folder))) state.folder_ = folder;
  state.umask_ = own_umask();
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, nullptr, &state.actions_[static_cast<std::size_t>(signal)]);
  return state;
}

std::string ProcessState::change_until(const ProcessState& after) const {
  if (locale_ != after.locale_) return fmt::format("the locale from '{}' to '{}'", locale_, after.locale_);
  if (folder_ != after.folder_) return fmt::format("the working folder from {} to {}", folder_, after.folder_);
  if (umask_ != after.umask_) return fmt::format("the umask from {:03o} to {:03o}", umask_, after.umask_);
  for (int signal = 1; signal < NSIG; ++signal) {
    const auto at = static_cast<std::size_t>(signal);
    if (is_same(actions_[at], after.actions_[at])) continue;
    if (signal == SIGPIPE && after.actions_[at].sa_handler == SIG_IGN) continue;
    const char* name = ::sigabbrev_np(signal);
    return fmt::format("what {} does", name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal));
  }
  return {};
}

std::vector<int> open_descriptors() {
  std::vector<int> numbers;
  DIR* const folder = ::opendir("/proc/self/fd");
  if (!folder) return numbers;
  while (const dirent* entry = ::readdir(folder)) {
    const int number = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && number != ::dirfd(folder)) numbers.push_back(number);
  }
  ::closedir(folder);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string left_open(const std::vector<int>& before, const std::vector<int>& after) {
  std::vector<int> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(added));
  if (added.empty()) return {};
  std::map<std::string, std::size_t> kinds;
  for (const int descriptor : added) ++kinds[kind_of(descriptor)];
  std::vector<std::pair<std::string, std::size_t>> by_count(kinds.begin(), kinds.end());
  std::ranges::stable_sort(by_count, std::greater<>(), &std::pair<std::string, std::size_t>::second);
  std::string text = fmt::format("{} open file{} more than before it: ", added.size(), added.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < by_count.size() && i < kKindsTold; ++i) {
    text += fmt::format("{}{} of {}", i ? ", " : "", by_count[i].second, by_count[i].first);
  }
  return text + (by_count.size() > kKindsTold ? ", …" : "");
}

}  // namespace squall
