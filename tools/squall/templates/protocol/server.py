"""A server of the protocol acme, to try scenario.yaml against: python3 server.py [PORT]. It answers each line with "ok "
and the line, and prints the port it listens on (PORT 0: a free one)."""
import asyncio
import sys


async def answer(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(b"ok " + line)
            await writer.drain()
    except ConnectionError:
        pass  # the other side has gone
    finally:
        writer.close()


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7007
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
