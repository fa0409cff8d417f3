/*
 * Names of hosts and ports: see resolve.h.
 */
#include "softmmu/base/resolve.h"
#include "softmmu/base/error.h"
#include <string.h>

#define MAX_PORT 65535

/* getaddrinfo() takes larger numbers, of which it looks at 16 bits. */
static bool is_too_large(const char *port)
{
    return port[strspn(port, "0123456789")] == 0 && g_ascii_strtoull(port, NULL, 10) > MAX_PORT;
}

struct addrinfo *resolve_address(const char *what, const char *host, const char *port,
                                 const struct addrinfo *hints, GError **error)
{
    struct addrinfo *list = NULL;
    if (is_too_large(port)) {
        error_set(error, "%s: there is no port %s; they go up to %u", what, port, MAX_PORT);
        return NULL;
    }
    int err = getaddrinfo(host && *host ? host : NULL, port, hints, &list);
    if (err) {
        error_set(error, "%s: cannot resolve host '%s', port '%s': %s", what, host ? host : "",
                  port, gai_strerror(err));
        return NULL;
    }
    return list;
}
