/*
 * -fsdev: folders of the host, by their ids. See share.h.
 */
#include "hw/share/share.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static Options *find_fsdev(Machine *machine, const char *id, GError **error)
{
    const GPtrArray *fsdevs = machine->config.fsdevs;

    for (unsigned i = 0; fsdevs && i < fsdevs->len; i++) {
        if (!g_strcmp0(options_get(fsdevs->pdata[i], "id", NULL), id)) {
            return fsdevs->pdata[i];
        }
    }
    error_set(error,
              "there is no fsdev '%s'; add -fsdev local,id=%s,path=FOLDER,security_model=none", id,
              id);
    return NULL;
}

static bool parse_model(const char *text, ShareModel *model, GError **error)
{
    static const struct {
        const char *name;
        ShareModel model;
    } models[] = {
        {"none", SHARE_NONE},
        {"passthrough", SHARE_PASSTHROUGH},
        {"mapped", SHARE_MAPPED},
        {"mapped-xattr", SHARE_MAPPED},
    };

    for (unsigned i = 0; text && i < ARRAY_SIZE(models); i++) {
        if (!strcmp(models[i].name, text)) {
            *model = models[i].model;
            return true;
        }
    }
    return error_set(error,
                     "-fsdev: security_model=%s; it must be none, passthrough or mapped-xattr",
                     text ? text : " is missing");
}

/* Each file that the guest knows takes a descriptor. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

ShareFolder *share_folder_new(Machine *machine, const char *id, GError **error)
{
    Options *opts = find_fsdev(machine, id, error);
    ShareFolder folder = {.root = -1}, *result;
    const char *path;
    struct stat st;

    if (!opts) {
        return NULL;
    }
    if (strcmp(options_get(opts, "fsdriver", ""), "local") != 0) {
        error_set(error, "-fsdev: the only kind is 'local', not '%s'",
                  options_get(opts, "fsdriver", ""));
        return NULL;
    }
    path = options_get(opts, "path", NULL);
    if (!path) {
        error_set(error, "-fsdev: path=FOLDER is missing");
        return NULL;
    }
    options_mark_used(opts, "multidevs");
    options_mark_used(opts, "writeout");
    if (!parse_model(options_get(opts, "security_model", NULL), &folder.model, error) ||
        !options_get_bool(opts, "readonly", &folder.read_only, error) ||
        !options_check_unused(opts, error)) {
        return NULL;
    }
    folder.root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder.root < 0 || fstat(folder.root, &st) < 0) {
        error_set_errno(error, errno, "-fsdev: cannot share folder '%s'", path);
        return NULL;
    }
    folder.root_dev = st.st_dev;
    folder.root_ino = st.st_ino;
    allow_descriptors();
    result = g_new(ShareFolder, 1);
    *result = folder;
    return result;
}

bool share_check_all(Machine *machine, GError **error)
{
    const GPtrArray *fsdevs = machine->config.fsdevs;

    for (unsigned i = 0; fsdevs && i < fsdevs->len; i++) {
        const char *id = options_get(fsdevs->pdata[i], "id", NULL);
        ShareFolder *folder;

        if (!id) {
            return error_set(error, "-fsdev: id=ID is missing");
        }
        if (find_fsdev(machine, id, error) != fsdevs->pdata[i]) {
            return error_set(error, "there are two fsdevs '%s'; give each its own id=", id);
        }
        folder = share_folder_new(machine, id, error);
        if (!folder) {
            return false;
        }
        share_folder_free(folder);
    }
    return true;
}

void share_folder_free(ShareFolder *folder)
{
    close(folder->root);
    g_free(folder);
}
