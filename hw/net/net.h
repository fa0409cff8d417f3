/*
 * Network back ends, as of -netdev. One is made when a card takes it, or by hw_create_netdevs() at the
 * latest.
 */
#ifndef AMPHI_NET_H
#define AMPHI_NET_H

#include "softmmu/machine.h"

/* The back end @id for one card, whose receive and opaque the caller sets. NULL with @error if there is
 * none (naming the nearest known one), it has a card already, or it cannot be made. The machine
 * closes it after its devices are gone. */
Netdev *netdev_take(Machine *machine, const char *id, GError **error);

/* The back end @id, if it was made; or NULL. */
Netdev *netdev_find(Machine *machine, const char *id);

/* Makes the back ends that no card took (with a warning), and checks the ids of all. After the -device
 * ones. */
bool hw_create_netdevs(Machine *machine, GError **error);

/* The Ethernet address of a card that is being made: mac= of @opts, or one that follows from the number of cards
 * before. False with @error if what was given is none. */
#define NET_ADDR_LEN 6
bool net_card_address(Machine *machine, Options *opts, uint8_t *mac, GError **error);

/* Tells `info network` of a card: the device @dev made from @opts, with its address as it is now in *@mac, and @peer
 * (NULL: the cable is out). */
void net_card_add(Device *dev, Options *opts, const uint8_t *mac, Netdev *peer);

/* netdev_add: makes the back end that @opts, which it takes over, describes; and netdev_del, if no card has it. */
bool netdev_add(Machine *machine, Options *opts, GError **error);
bool netdev_remove(Machine *machine, const char *id, GError **error);

/* For `info network`, and `info usernet`. */
void netdev_print_all(Machine *machine, GString *out);
void netdev_print_connections(Machine *machine, GString *out);

/* Kinds of back end; each takes its own options from @opts, in which "type" and "id" are used up. */
Netdev *netdev_user_new(Machine *machine, const char *id, Options *opts, GError **error);
Netdev *netdev_tap_new(Machine *machine, const char *id, Options *opts, GError **error);
Netdev *netdev_socket_new(Machine *machine, const char *id, Options *opts, GError **error);
Netdev *netdev_stream_new(Machine *machine, const char *id, Options *opts, GError **error);
Netdev *netdev_dgram_new(Machine *machine, const char *id, Options *opts, GError **error);

/* The names of the kinds; NULL past the end. */
const char *netdev_kind_nth(unsigned n);

/* Adds a forwarded port to the user network @id (NULL: the first), or takes one away: @rule as in hostfwd=,
 * to remove only its part before "-". */
bool netdev_forward(Machine *machine, const char *id, const char *rule, bool remove,
                    GError **error);
bool netdev_user_forward(Netdev *net, const char *rule, bool remove, GError **error);

/* Connections of @net if it is of kind "user". */
void netdev_user_print(Netdev *net, GString *out);

#endif
