/*
 * Folders of the host that guests see over 9P: the -fsdev back ends and the server.
 *
 * A ShareFolder is a folder with rules; a P9Session is what one device's driver has open in it. Neither knows
 * virtio. Locking: the machine lock; operations are done at once.
 */
#ifndef AMPHI_SHARE_H
#define AMPHI_SHARE_H

#include "softmmu/machine.h"

/* What owners and modes of files are to the guest. */
typedef enum ShareModel {
    SHARE_PASSTHROUGH, /* the host's; failing to give a file away is an error */
    SHARE_NONE,        /* the host's; failing to give a file away is not */
    SHARE_MAPPED,      /* kept in extended attributes; on the host all is the user's own */
} ShareModel;

typedef struct ShareFolder {
    int root; /* O_PATH */
    uint64_t root_dev, root_ino;
    ShareModel model;
    bool read_only;
} ShareFolder;

/* Opens the folder that -fsdev @id describes. NULL with @error if there is none, or the options are wrong. */
ShareFolder *share_folder_new(Machine *machine, const char *id, GError **error);

/* That every -fsdev is what it should be, whether or not a device has it. */
bool share_check_all(Machine *machine, GError **error);
void share_folder_free(ShareFolder *folder);

#define P9_MAX_MSIZE (512 * 1024)

typedef struct P9Session P9Session;

P9Session *p9_session_new(const ShareFolder *folder);
void p9_session_free(P9Session *session);

/* Forgets all that is open. */
void p9_session_reset(P9Session *session);

/* Answers one request of @len bytes: appends the reply to @reply, which is empty. Whatever the request
 * is, there is a reply, except to what is too short to have a tag: then false. */
bool p9_session_run(P9Session *session, const uint8_t *request, size_t len, GByteArray *reply);

#endif
