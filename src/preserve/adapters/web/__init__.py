"""The web, byte for byte: a Fetcher over httpx whose transport, sockets, TLS and names are our own (docs/adr/0010, 0011).

fetcher      one Session for each target: its request headers, its cookies                     ports.Fetcher
transport    the httpx transport: routes, checks, connects, keeps alive, retries, concludes
resolver     names → addresses, once a run
connection   one socket, one exchange at a time, with its time limits
tls          the handshake over memory BIOs; what the server presented, whatever became of it
receiver     one response as it arrives: parser, digests, spool
spool        bodies: memory first, then an unlinked file
"""
