/*
 * Names of hosts and ports to addresses, as getaddrinfo() finds them.
 */
#ifndef AMPHI_BASE_RESOLVE_H
#define AMPHI_BASE_RESOLVE_H

#include <glib.h>
#include <netdb.h>

/* The addresses of @host (NULL or empty: none in particular) and @port (a number to 65535, or a service's name),
 * chosen by @hints; for freeaddrinfo(). NULL with @error, which begins with @what. */
struct addrinfo *resolve_address(const char *what, const char *host, const char *port,
                                 const struct addrinfo *hints, GError **error);

#endif
