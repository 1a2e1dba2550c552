"""The only rooms that touch the world: sockets, files, keys, clocks. Each fills a port and knows no other adapter."""
