"""The web, byte for byte: a Fetcher whose transport, sockets, TLS and names are our own (docs/adr/0010, 0011, 0012, 0245).

fetcher      one Session for each target: its request headers, its cookies                     ports.Fetcher
cookies      those of one session, in httpx's jar
transport    one request, one exchange; keeps connections alive
connector    routes, names, the address rule, TCP, TLS, the operator's proxy
tunnel       what is said to a proxy
plainhttpx   httpx without the command line that its package brings along
resolver     names → addresses, once a run
connection   one socket, one exchange at a time, with its time limits
tls          the handshake over memory BIOs; what the server presented, whatever became of it
http2        frames, on request, handed on as a representation
receiver     one response as it arrives: parser, digests, spool
spool        bodies: memory first, then an unlinked file
"""
