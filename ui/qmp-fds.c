/*
 * QMP commands that take file descriptors, which come over a unix socket beside the request (unix(7), SCM_RIGHTS).
 */
#include "softmmu/base/error.h"
#include "softmmu/fds.h"
#include "ui/qmp-internal.h"
#include <unistd.h>

static int take_fd(Chardev *chr, GError **error)
{
    int fd = chardev_take_fd(chr);
    if (fd < 0) {
        error_set(error, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

JsonNode *qmp_getfd(Machine *machine, Chardev *chr, JsonObject *args, GError **error)
{
    const char *name = qmp_get_string(args, "fdname", "");
    int fd = take_fd(chr, error);
    if (fd >= 0 && (!*name || g_ascii_isdigit(*name))) {
        close(fd);
        error_set(error, "Parameter 'fdname' expects a name not starting with a digit");
    } else if (fd >= 0) {
        fds_name(machine, name, fd);
    }
    return NULL;
}

JsonNode *qmp_closefd(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = qmp_get_string(args, "fdname", "");
    int fd = g_ascii_isdigit(*name) ? -1 : fds_take(machine, name, NULL);
    if (fd >= 0) {
        close(fd);
    } else {
        error_set(error, "File descriptor named '%.64s' not found", name);
    }
    return NULL;
}

JsonNode *qmp_add_fd(Machine *machine, Chardev *chr, JsonObject *args, GError **error)
{
    int64_t set = FDS_NEW_SET;
    if (json_object_has_member(args, "fdset-id")) {
        set = json_object_get_int_member(args, "fdset-id");
        if (set < 0) {
            error_set(error, "Parameter 'fdset-id' expects a non-negative value");
            return NULL;
        }
    }
    int fd = take_fd(chr, error);
    int number =
        fd < 0 ? -1 : fds_add(machine, fd, set, qmp_get_string(args, "opaque", NULL), error);
    if (number < 0) {
        return NULL;
    }
    JsonObject *object = json_object_new();
    json_object_set_int_member(object, "fdset-id", number);
    json_object_set_int_member(object, "fd", fd);
    return qmp_node_object(object);
}

JsonNode *qmp_remove_fd(Machine *machine, JsonObject *args, GError **error)
{
    int64_t set = json_object_get_int_member(args, "fdset-id");
    int64_t fd = json_object_get_int_member_with_default(args, "fd", -1);
    if (set < 0 || set > INT_MAX || fd < -1 || fd > INT_MAX || !fds_remove(machine, set, fd)) {
        error_set(error, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", set);
    }
    return NULL;
}

/* The entry of @set in @array, made if it is not there; its member "fds". */
static JsonArray *fds_of(JsonArray *array, int set)
{
    for (unsigned i = 0; i < json_array_get_length(array); i++) {
        JsonObject *object = json_array_get_object_element(array, i);
        if (json_object_get_int_member(object, "fdset-id") == set) {
            return json_object_get_array_member(object, "fds");
        }
    }
    JsonObject *object = json_object_new();
    JsonArray *fds = json_array_new();
    json_object_set_int_member(object, "fdset-id", set);
    json_object_set_array_member(object, "fds", fds);
    json_array_add_object_element(array, object);
    return fds;
}

JsonNode *qmp_query_fdsets(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    const char *opaque;
    int set, fd;
    for (unsigned i = 0; fds_nth(machine, i, &set, &fd, &opaque); i++) {
        JsonObject *object = json_object_new();
        json_object_set_int_member(object, "fd", fd);
        if (opaque) {
            json_object_set_string_member(object, "opaque", opaque);
        }
        json_array_add_object_element(fds_of(array, set), object);
    }
    return qmp_node_array(array);
}
