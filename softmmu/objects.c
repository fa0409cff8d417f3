/*
 * Objects that the user creates: see objects.h. Each type is a row of a table, with its properties and a function that
 * checks their values.
 */
#include "softmmu/objects.h"
#include "softmmu/base/error.h"
#include <string.h>

typedef struct ObjectType ObjectType;

struct UserObject {
    const ObjectType *type;
    char *id;
    Options *opts; /* its properties as they were given */
    unsigned users;
    uint64_t size; /* of memory */
    RamBacking backing;
};

struct ObjectType {
    const char *name;
    const Property *properties; /* end with a NULL name */
    bool (*init)(UserObject *object, GError **error);
};

/*
 * Random numbers. There is one source, the host's.
 */

static bool init_rng_random(UserObject *object, GError **error)
{
    const char *path = options_get(object->opts, "filename", "/dev/urandom");
    if (strcmp(path, "/dev/urandom") != 0 && strcmp(path, "/dev/random") != 0) {
        return error_set(error,
                         "object rng-random: filename is /dev/urandom or /dev/random, not '%s'",
                         path);
    }
    return true;
}

/*
 * Secrets: passwords and keys that options refer to. Checked here; nothing that amphi has asks for one yet.
 */

static bool check_secret(const char *text, gsize len, bool base64, GError **error)
{
    gsize left = 0;
    gint state = 0;
    guint save = 0;
    if (!base64) {
        return g_utf8_validate(text, len, NULL) ||
               error_set(error, "object secret: the data is not UTF-8; use format=base64");
    }
    guchar *bytes = g_malloc(len / 4 * 3 + 3);
    left = g_base64_decode_step(text, len, bytes, &state, &save);
    explicit_bzero(bytes, len / 4 * 3 + 3);
    g_free(bytes);
    return (left || !len) || error_set(error, "object secret: the data is not base64");
}

static bool init_secret(UserObject *object, GError **error)
{
    const char *data = options_get(object->opts, "data", NULL);
    const char *file = options_get(object->opts, "file", NULL);
    const char *format = options_get(object->opts, "format", "raw");
    char *contents = NULL;
    gsize len = data ? strlen(data) : 0;
    GError *why = NULL;

    if (strcmp(format, "raw") != 0 && strcmp(format, "base64") != 0) {
        return error_set(error, "object secret: format is raw or base64, not '%s'", format);
    }
    if (!data == !file) {
        return error_set(error, "object secret: give either data=TEXT or file=FILE");
    }
    if (file && !g_file_get_contents(file, &contents, &len, &why)) {
        error_set(error, "object secret: %s", why->message);
        g_error_free(why);
        return false;
    }
    /* A master key in a file is raw bytes, not text. */
    bool raw_file = file && !strcmp(format, "raw");
    bool ok =
        raw_file || check_secret(file ? contents : data, len, !strcmp(format, "base64"), error);
    if (contents) {
        explicit_bzero(contents, len);
        g_free(contents);
    }
    return ok;
}

/*
 * Memory.
 */

static bool init_memory(UserObject *object, GError **error)
{
    Options *opts = object->opts;
    const char *policy = options_get(opts, "policy", "default");
    bool ignored = false; /* no effect that anybody could see */
    object->backing.name = object->id;
    if (!options_get_size(opts, "size", 1, &object->size, error) ||
        !options_get_bool(opts, "share", &object->backing.share, error) ||
        !options_get_bool(opts, "prealloc", &object->backing.prealloc, error) ||
        !options_get_bool(opts, "merge", &ignored, error) ||
        !options_get_bool(opts, "dump", &ignored, error)) {
        return false;
    }
    if (!object->size || object->size % 4096) {
        return error_set(error, "object %s: size= is missing or not a multiple of 4096",
                         options_get(opts, "qom-type", ""));
    }
    if (strcmp(policy, "default") != 0) {
        return error_set(error,
                         "object %s: memory cannot be bound to nodes of the host; leave "
                         "out policy=",
                         options_get(opts, "qom-type", ""));
    }
    return true;
}

/* Other processes may map it, by /proc/PID/fd. */
static bool init_memory_memfd(UserObject *object, GError **error)
{
    object->backing.share = true;
    return init_memory(object, error);
}

static bool init_memory_file(UserObject *object, GError **error)
{
    object->backing.path = options_get(object->opts, "mem-path", NULL);
    if (!object->backing.path) {
        return error_set(error, "object memory-backend-file: mem-path=FILE is missing");
    }
    return init_memory(object, error);
}

/*
 * The table.
 */

static const Property no_properties[] = {{0}};

static const Property rng_properties[] = {
    {"filename", "str", "where random numbers come from", "/dev/urandom"},
    {0},
};

static const Property secret_properties[] = {
    {"data", "str", "the secret itself", NULL},
    {"file", "str", "a file that holds it", NULL},
    {"format", "str", "how it is written: raw or base64", "raw"},
    {0},
};

#define MEMORY_PROPERTIES(share)                                                               \
    {"size", "size", "bytes", NULL},                                                           \
        {"share", "bool", "what the guest writes goes to the file, others can map it", share}, \
        {"prealloc", "bool", "take all of it from the host at once", "off"},                   \
        {"merge", "bool", "no effect", NULL}, {"dump", "bool", "no effect", NULL},             \
    {                                                                                          \
        "policy", "str", "nodes of the host: only default", "default"                          \
    }

static const Property memory_properties[] = {MEMORY_PROPERTIES("off"), {0}};
static const Property memfd_properties[] = {MEMORY_PROPERTIES("on"), {0}};

static const Property file_properties[] = {
    MEMORY_PROPERTIES("off"),
    {"mem-path", "str", "the file, or a directory for one without name", NULL},
    {0},
};

static const ObjectType types[] = {
    {"memory-backend-file", file_properties, init_memory_file},
    {"memory-backend-memfd", memfd_properties, init_memory_memfd},
    {"memory-backend-ram", memory_properties, init_memory},
    {"rng-builtin", no_properties, NULL},
    {"rng-random", rng_properties, init_rng_random},
    {"secret", secret_properties, init_secret},
};

static const ObjectType *find_type(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (!strcmp(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

static bool unknown_type(const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(types) + 1] = {NULL};
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        names[i] = types[i].name;
    }
    const char *nearest = error_nearest(name, names);
    return nearest
               ? error_set(error, "invalid object type: '%s'; did you mean '%s'?", name, nearest)
               : error_set(error, "invalid object type: '%s'; '-object help' lists them", name);
}

const char *object_type_nth(unsigned n)
{
    return n < ARRAY_SIZE(types) ? types[n].name : NULL;
}

bool object_property_nth(const char *type, unsigned n, Property *out)
{
    const ObjectType *found = find_type(type);
    for (const Property *p = found ? found->properties : no_properties; p->name; p++) {
        if (n-- == 0) {
            *out = *p;
            return true;
        }
    }
    return false;
}

/*
 * Objects.
 */

UserObject *object_nth(Machine *machine, unsigned n)
{
    return machine->objects && n < machine->objects->len ? machine->objects->pdata[n] : NULL;
}

static UserObject *find(Machine *machine, const char *id)
{
    UserObject *object;
    for (unsigned i = 0; (object = object_nth(machine, i)) != NULL; i++) {
        if (!strcmp(object->id, id)) {
            return object;
        }
    }
    return NULL;
}

static void object_free(void *data)
{
    UserObject *object = data;
    options_free(object->opts);
    g_free(object->id);
    g_free(object);
}

bool object_add(Machine *machine, Options *opts, GError **error)
{
    const char *name = options_get(opts, "qom-type", NULL), *id = options_get(opts, "id", NULL);
    const ObjectType *type = name ? find_type(name) : NULL;
    if (!type) {
        return name ? unknown_type(name, error)
                    : error_set(error,
                                "Parameter 'qom-type' is missing; '-object help' lists the types");
    }
    if (!id || !*id) {
        return error_set(error, "Parameter 'id' is missing: object %s needs one", name);
    }
    if (find(machine, id)) {
        return error_set(error,
                         "attempt to add duplicate property '%s' to object (type 'container')", id);
    }
    for (const Property *p = type->properties; p->name; p++) {
        options_mark_used(opts, p->name);
    }
    if (!options_check_unused(opts, error)) {
        return false;
    }
    UserObject *object = g_new0(UserObject, 1);
    object->type = type;
    object->id = g_strdup(id);
    object->opts = options_copy(opts);
    if (type->init && !type->init(object, error)) {
        object_free(object);
        return false;
    }
    if (!machine->objects) {
        machine->objects = g_ptr_array_new_with_free_func(object_free);
    }
    g_ptr_array_add(machine->objects, object);
    return true;
}

bool object_remove(Machine *machine, const char *id, GError **error)
{
    UserObject *object = find(machine, id);
    if (!object) {
        return error_set(error, "object '%s' not found", id);
    }
    if (object->users) {
        return error_set(error, "object '%s' is in use, can not be deleted", id);
    }
    g_ptr_array_remove(machine->objects, object);
    return true;
}

void objects_free(Machine *machine)
{
    if (machine->objects) {
        g_ptr_array_unref(machine->objects);
        machine->objects = NULL;
    }
}

UserObject *object_use(Machine *machine, const char *id, const char *kind, GError **error)
{
    UserObject *object = find(machine, id);
    if (!object || !g_str_has_prefix(object->type->name, kind)) {
        error_set(error, "there is no object '%s' of type %s*; make it with -object", id, kind);
        return NULL;
    }
    object->users++;
    return object;
}

void object_unuse(UserObject *object)
{
    if (object) {
        object->users--;
    }
}

const char *object_id(const UserObject *object)
{
    return object->id;
}

const char *object_type(const UserObject *object)
{
    return object->type->name;
}

const char *object_get(const UserObject *object, const char *name)
{
    for (const Property *p = object->type->properties; p->name; p++) {
        if (!strcmp(p->name, name)) {
            return options_get(object->opts, name, NULL);
        }
    }
    return NULL;
}

uint64_t object_memory_size(const UserObject *object)
{
    return object->size;
}

const RamBacking *object_memory_backing(const UserObject *object)
{
    return &object->backing;
}
