// An nginx of the test's own on a reserved loopback port; its access log is the other side's truth.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

class Nginx {
 public:
  struct Line {
    int status;
    uint64_t request_length, bytes_sent, connection, connection_requests;
  };

  static bool is_installed() { return ::access("/usr/sbin/nginx", X_OK) == 0; }

  /// `server`: lines of its server block.
  explicit Nginx(const std::string& server) : server_(server) {
    char pattern[] = "/tmp/squall-nginx-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    for (int attempt = 0; attempt < 5 && !pid_; ++attempt) {
      port = reserve_port();
      start();
    }
    EXPECT_NE(pid_, 0) << "nginx does not start";
  }
  ~Nginx() {
    if (pid_) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  int port = 0;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  std::filesystem::path root() const { return folder_ / "www"; }

  /// What it has logged so far; a line is written when its answer is, or a moment later.
  std::vector<Line> log() const {
    std::ifstream file(folder_ / "access.log");
    std::vector<Line> lines;
    for (Line line; file >> line.status >> line.request_length >> line.bytes_sent >>
                    line.connection >> line.connection_requests;)
      lines.push_back(line);
    return lines;
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }
  /// A port that was free a moment ago: nginx cannot be given port 0.
  static int reserve_port() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ::close(listener);
    return ntohs(address.sin_port);
  }
  static bool accepts(int port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool is_open =
        ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return is_open;
  }
  void start() {
    std::filesystem::create_directories(root());
    const std::string folder = folder_.string();
    std::ofstream(folder_ / "nginx.conf")
        << "daemon off; master_process off; user root; worker_processes 1;\npid " << folder
        << "/pid;\nerror_log " << folder
        << "/error.log;\nevents { worker_connections 256; }\nhttp {\n"
        << "log_format sums '$status $request_length $bytes_sent $connection "
           "$connection_requests';\n"
        << "access_log " << folder << "/access.log sums;\nclient_body_temp_path " << folder
        << "/body;\n"
        << "proxy_temp_path " << folder << "/proxy;\nfastcgi_temp_path " << folder << "/fastcgi;\n"
        << "uwsgi_temp_path " << folder << "/uwsgi;\nscgi_temp_path " << folder << "/scgi;\n"
        << "server { listen 127.0.0.1:" << port << "; root " << root().string() << ";\n"
        << server_ << "\n} }\n";
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string conf = folder + "/nginx.conf", errors = folder + "/error.log";
      ::execl("/usr/sbin/nginx", "nginx", "-e", errors.c_str(), "-c", conf.c_str(), "-p",
              folder.c_str(), nullptr);
      ::_exit(127);
    }
    while (!accepts(port)) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;  // the port was taken meanwhile
        return;
      }
      ::poll(nullptr, 0, 5);
    }
  }

  std::filesystem::path folder_;
  std::string server_;
  pid_t pid_ = 0;
};
