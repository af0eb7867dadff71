"""What HTTP services of ours share: a socket, a server that ends gracefully, events, admission of bodies."""
