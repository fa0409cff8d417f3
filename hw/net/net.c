/*
 * Network back ends: see net.h.
 *
 * Registered with the machine as a device without registers, which closes the back ends after the cards that
 * use them. Locking: the machine lock.
 */
#include "hw/net/net.h"
#include "softmmu/base/error.h"
#include <string.h>

/* A card, for who asks. */
typedef struct NetCard {
    char *name, *model;
    const uint8_t *mac; /* the card's */
    Netdev *peer;
} NetCard;

/* All back ends and cards of a machine. */
typedef struct NetRegistry {
    Device dev;
    GPtrArray *netdevs; /* of Netdev */
    GPtrArray *cards;   /* of NetCard */
} NetRegistry;

typedef struct NetdevKind {
    const char *name;
    Netdev *(*create)(Machine *machine, const char *id, Options *opts, GError **error);
} NetdevKind;

static const NetdevKind kinds[] = {
    {"dgram", netdev_dgram_new}, {"socket", netdev_socket_new}, {"stream", netdev_stream_new},
    {"tap", netdev_tap_new},     {"user", netdev_user_new},
};

/* ---- The registry ---- */

static void netdev_close(gpointer data)
{
    Netdev *net = data;
    char *info = net->info;

    net->ops->close(net);
    g_free(info);
}

static void card_free(gpointer data)
{
    NetCard *card = data;

    g_free(card->name);
    g_free(card->model);
    g_free(card);
}

static void registry_finalize(Device *dev)
{
    NetRegistry *registry = container_of(dev, NetRegistry, dev);

    g_ptr_array_unref(registry->netdevs);
    g_ptr_array_unref(registry->cards);
}

static const DeviceOps registry_ops = {.name = "net-back-ends", .finalize = registry_finalize};

static NetRegistry *find_registry(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        if (dev->ops == &registry_ops) {
            return container_of(dev, NetRegistry, dev);
        }
    }
    return NULL;
}

static NetRegistry *get_registry(Machine *machine)
{
    NetRegistry *registry = find_registry(machine);

    if (!registry) {
        registry = device_new(machine, &registry_ops, sizeof(*registry), NULL);
        registry->netdevs = g_ptr_array_new_with_free_func(netdev_close);
        registry->cards = g_ptr_array_new_with_free_func(card_free);
    }
    return registry;
}

Netdev *netdev_find(Machine *machine, const char *id)
{
    NetRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->netdevs->len; i++) {
        Netdev *net = g_ptr_array_index(registry->netdevs, i);

        if (strcmp(net->id, id) == 0) {
            return net;
        }
    }
    return NULL;
}

/* ---- From options to back ends ---- */

static Options *config_netdev(Machine *machine, unsigned i)
{
    return g_ptr_array_index(machine->config.netdevs, i);
}

static const char *config_id(Machine *machine, unsigned i)
{
    return options_get(config_netdev(machine, i), "id", NULL);
}

static unsigned config_count(Machine *machine)
{
    return machine->config.netdevs ? machine->config.netdevs->len : 0;
}

static bool unknown_type(const char *type, GError **error)
{
    const char *names[ARRAY_SIZE(kinds) + 1] = {NULL};
    char *all;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        names[i] = kinds[i].name;
    }
    all = g_strjoinv(", ", (char **)names);
    error_set(error, "unknown network back end '%s'; there are: %s", type, all);
    g_free(all);
    return false;
}

/* Makes the back end described by @opts. */
static Netdev *create_netdev(Machine *machine, const char *id, Options *opts, GError **error)
{
    const char *type = options_get(opts, "type", "");
    NetRegistry *registry = get_registry(machine);

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(type, kinds[i].name) == 0) {
            Netdev *net = kinds[i].create(machine, id, opts, error);

            if (net) {
                g_ptr_array_add(registry->netdevs, net);
                if (!options_check_unused(opts, error)) {
                    return NULL;
                }
            }
            return net;
        }
    }
    unknown_type(type, error);
    return NULL;
}

/* Closes the back end @id, if it was made, and forgets it. */
static void remove_netdev(Machine *machine, const char *id)
{
    Netdev *net = netdev_find(machine, id);

    if (net) {
        g_ptr_array_remove(get_registry(machine)->netdevs, net);
    }
    for (unsigned i = config_count(machine); i-- > 0;) {
        if (!g_strcmp0(config_id(machine, i), id)) {
            options_free(g_ptr_array_steal_index(machine->config.netdevs, i));
            return;
        }
    }
}

static void unknown_id(Machine *machine, const char *id, GError **error)
{
    GPtrArray *ids = g_ptr_array_new();
    const char *near;

    for (unsigned i = 0; i < config_count(machine); i++) {
        if (config_id(machine, i)) {
            g_ptr_array_add(ids, (char *)config_id(machine, i));
        }
    }
    g_ptr_array_add(ids, NULL);
    near = error_nearest(id, (const char *const *)ids->pdata);
    if (near) {
        error_set(error, "there is no netdev '%s'; did you mean '%s'?", id, near);
    } else {
        error_set(error, "there is no netdev '%s'; add -netdev user,id=%s", id, id);
    }
    g_ptr_array_unref(ids);
}

Netdev *netdev_take(Machine *machine, const char *id, GError **error)
{
    Netdev *net = netdev_find(machine, id);

    if (net) {
        if (net->opaque) {
            error_set(error, "netdev '%s' has a card already; each card takes its own", id);
            return NULL;
        }
        return net;
    }
    for (unsigned i = 0; i < config_count(machine); i++) {
        if (config_id(machine, i) && strcmp(config_id(machine, i), id) == 0) {
            return create_netdev(machine, id, config_netdev(machine, i), error);
        }
    }
    unknown_id(machine, id, error);
    return NULL;
}

bool hw_create_netdevs(Machine *machine, GError **error)
{
    for (unsigned i = 0; i < config_count(machine); i++) {
        const char *id = config_id(machine, i);

        if (!id) {
            return !options_misspelt(config_netdev(machine, i), "id", error) &&
                   error_set(error, "-netdev %s needs id=, for -device virtio-net-pci,netdev=ID",
                             options_get(config_netdev(machine, i), "type", ""));
        }
        for (unsigned other = 0; other < i; other++) {
            if (strcmp(config_id(machine, other), id) == 0) {
                return error_set(error, "there are two netdevs '%s'; give each its own id=", id);
            }
        }
        if (!netdev_find(machine, id)) {
            if (!netdev_take(machine, id, error)) {
                return false;
            }
            g_printerr("amphi: warning: netdev '%s' has no card; add -device "
                       "virtio-net-pci,netdev=%s\n",
                       id, id);
        }
    }
    return true;
}

bool netdev_add(Machine *machine, Options *opts, GError **error)
{
    const char *id = options_get(opts, "id", "");
    bool ok;

    for (unsigned i = 0; i < config_count(machine); i++) {
        if (!g_strcmp0(config_id(machine, i), id)) {
            error_set(error, "Duplicate ID '%s' for netdev", id);
            options_free(opts);
            return false;
        }
    }
    if (!machine->config.netdevs) {
        machine->config.netdevs = g_ptr_array_new();
    }
    g_ptr_array_add(machine->config.netdevs, opts);
    ok = create_netdev(machine, id, opts, error);
    if (!ok) {
        remove_netdev(machine, id);
    }
    return ok;
}

bool netdev_remove(Machine *machine, const char *id, GError **error)
{
    Netdev *net = netdev_find(machine, id);

    if (!net) {
        g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND, "Device '%.64s' not found", id);
        return false;
    }
    if (net->opaque) {
        return error_set(error, "netdev '%s' has a card; remove that first", id);
    }
    remove_netdev(machine, id);
    return true;
}

const char *netdev_kind_nth(unsigned n)
{
    return n < ARRAY_SIZE(kinds) ? kinds[n].name : NULL;
}

bool netdev_forward(Machine *machine, const char *id, const char *rule, bool remove, GError **error)
{
    NetRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->netdevs->len; i++) {
        Netdev *net = g_ptr_array_index(registry->netdevs, i);

        if (id ? strcmp(net->id, id) == 0 : strcmp(net->ops->name, "user") == 0) {
            return netdev_user_forward(net, rule, remove, error);
        }
    }
    return id ? error_set(error, "there is no netdev '%s'; info network lists them", id)
              : error_set(error, "there is no user network; add -netdev user,id=ID");
}

static void print_netdev(const Netdev *net, GString *out)
{
    g_string_append_printf(out, "%s: index=0,type=%s%s%s\n", net->id, net->ops->name,
                           net->info ? "," : "", net->info ? net->info : "");
}

static void print_card(const NetCard *card, GString *out)
{
    const uint8_t *mac = card->mac;

    g_string_append_printf(out,
                           "%s: index=0,type=nic,model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x\n",
                           card->name, card->model, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (card->peer) {
        g_string_append(out, " \\ ");
        print_netdev(card->peer, out);
    }
}

/* In QEMU's form: each card with its peer beneath it, then who has none. */
void netdev_print_all(Machine *machine, GString *out)
{
    NetRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->cards->len; i++) {
        print_card(registry->cards->pdata[i], out);
    }
    for (unsigned i = 0; registry && i < registry->netdevs->len; i++) {
        const Netdev *net = registry->netdevs->pdata[i];

        if (!net->opaque) {
            print_netdev(net, out);
        }
    }
}

void netdev_print_connections(Machine *machine, GString *out)
{
    NetRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->netdevs->len; i++) {
        Netdev *net = g_ptr_array_index(registry->netdevs, i);

        g_string_append_printf(out, "%s:\n", net->id);
        netdev_user_print(net, out);
    }
}

/* ---- For cards ---- */

/* 52:54:00:12:34:56 and up, in order of creation. */
static void default_address(Machine *machine, uint8_t *mac)
{
    static const char *const cards[] = {"virtio-net-device", "e1000", "e1000e", NULL};
    static const uint8_t first[NET_ADDR_LEN] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    unsigned n = 0;

    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        n += g_strv_contains(cards, dev->ops->name);
    }
    memcpy(mac, first, NET_ADDR_LEN);
    mac[NET_ADDR_LEN - 1] += n;
}

static bool parse_mac(const char *text, uint8_t *mac, GError **error)
{
    unsigned b[NET_ADDR_LEN];
    int end = 0;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) !=
            NET_ADDR_LEN ||
        text[end]) {
        return error_set(error, "mac='%s' is no Ethernet address; write it as 52:54:00:12:34:56",
                         text);
    }
    if (b[0] & 1) {
        return error_set(error, "mac='%s' is a group address; its first byte must be even", text);
    }
    for (unsigned i = 0; i < NET_ADDR_LEN; i++) {
        mac[i] = b[i];
    }
    return true;
}

bool net_card_address(Machine *machine, Options *opts, uint8_t *mac, GError **error)
{
    const char *text = options_get(opts, "mac", NULL);

    default_address(machine, mac);
    return !text || parse_mac(text, mac, error);
}

/* "virtio-net-pci" of all names by which the card can be asked for. */
static char *full_model(const char *driver)
{
    return !strcmp(driver, "virtio-net") ? g_strdup("virtio-net-pci") : g_strdup(driver);
}

void net_card_add(Device *dev, Options *opts, const uint8_t *mac, Netdev *peer)
{
    NetRegistry *registry = get_registry(dev->machine);
    const char *id = options_get(opts, "id", NULL);
    NetCard *card = g_new0(NetCard, 1);
    unsigned n = 0;

    card->model = full_model(options_get(opts, "driver", dev->ops->name));
    for (unsigned i = 0; i < registry->cards->len; i++) {
        n += !strcmp(((const NetCard *)registry->cards->pdata[i])->model, card->model);
    }
    card->name = id ? g_strdup(id) : g_strdup_printf("%s.%u", card->model, n);
    card->mac = mac;
    card->peer = peer;
    g_ptr_array_add(registry->cards, card);
}
