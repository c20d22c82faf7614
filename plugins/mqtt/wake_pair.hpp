// libmosquitto 2.0 gives each client a socket pair to wake a thread that nobody has here, and writes
// one byte into it for every packet that it queues. Nobody reads them: each client costs two
// descriptors, a system call per packet and, once some 280 packets have gone out, 200 KB of kernel
// memory (1 GB at 5,000 clients). This closes the pair of a new client.
#pragma once

struct mosquitto;

namespace squall::mqtt {

/// For a client that was just made and has no socket. True: the pair is gone. Does nothing, and the
/// client works all the same, with a version of the library other than the ones looked at.
bool close_wake_pair(mosquitto* client);

}  // namespace squall::mqtt
