#include "client.hpp"
namespace squall::mqtt {
std::unique_ptr<Client> make_paho_client(Shard&, const ClientSetup&, ClientEvents&) {
  throw Failure{SQ_K_PLUGIN, 0, "paho is not here yet", true};
}
}
