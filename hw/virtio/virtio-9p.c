/*
 * virtio 9P transport: a shared folder (hw/share/) behind one queue of requests.
 *
 * The guest finds the folder by its tag. What its driver has open is the host's state, and not in snapshots: after
 * one was loaded, the guest has to mount again. Source: virtio-v1.2, device type 9; the configuration space is
 * that of Linux's virtio_9p.h. Locking: the machine lock.
 */
#include "hw/share/share.h"
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include <linux/virtio_ids.h>
#include <string.h>

#define QUEUE_SIZE 128
#define MAX_TAG 128
#define F_MOUNT_TAG 0

typedef struct Virtio9p {
    VirtioDevice virtio;
    ShareFolder *folder;
    P9Session *session;
    char tag[MAX_TAG + 1];
} Virtio9p;

static Virtio9p *to_9p(VirtioDevice *vdev)
{
    return container_of(vdev, Virtio9p, virtio);
}

static bool handle_request(VirtQueue *vq, VirtqElement *elem)
{
    Virtio9p *p9 = to_9p(vq->vdev);
    size_t len = MIN(elem->out_len, P9_MAX_MSIZE);
    uint8_t *request = g_malloc(len);
    GByteArray *reply = g_byte_array_new();
    size_t written = 0;

    if (virtq_read(vq, elem, 0, request, len) == len &&
        p9_session_run(p9->session, request, len, reply)) {
        written = virtq_write(vq, elem, 0, reply->data, reply->len);
        if (written < reply->len && !vq->vdev->broken) {
            virtio_set_broken(vq->vdev, "a 9P reply of %u bytes does not fit its buffer",
                              reply->len);
        }
    } else if (!vq->vdev->broken) {
        virtio_set_broken(vq->vdev, "a 9P request of %zu bytes", len);
    }
    g_byte_array_unref(reply);
    g_free(request);
    virtq_push(vq, elem, written);
    return true;
}

static void handle_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_request);
}

/* A length of two bytes, and the tag without zero byte. */
static void p9_get_config(VirtioDevice *vdev, uint8_t *config)
{
    const char *tag = to_9p(vdev)->tag;
    uint16_t len = strlen(tag);

    memset(config, 0, sizeof(len) + MAX_TAG);
    memcpy(config, &len, sizeof(len));
    memcpy(config + sizeof(len), tag, len);
}

static void p9_reset(VirtioDevice *vdev)
{
    p9_session_reset(to_9p(vdev)->session);
}

static void p9_finalize(Device *dev)
{
    Virtio9p *p9 = to_9p(container_of(dev, VirtioDevice, dev));

    virtio_device_finalize(dev);
    p9_session_free(p9->session);
    share_folder_free(p9->folder);
}

static bool p9_post_load(void *opaque, GError **error)
{
    p9_session_reset(((Virtio9p *)opaque)->session);
    return true;
}

static const VmField p9_fields[] = {
    VM_FIELD_STRUCT(Virtio9p, virtio, &virtio_vmstate),
    VM_FIELD_END(),
};

static const VmDesc p9_vmstate = {.name = "virtio-9p",
                                  .fields = p9_fields,
                                  .post_load = p9_post_load};

static const VirtioOps p9_ops = {
    .device =
        {
            .name = "virtio-9p-device",
            .reset = virtio_device_reset,
            .vmstate = &p9_vmstate,
            .finalize = p9_finalize,
        },
    .device_id = VIRTIO_ID_9P,
    .config_size = sizeof(uint16_t) + MAX_TAG,
    .get_config = p9_get_config,
    .reset = p9_reset,
};

VirtioDevice *virtio_9p_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    const char *fsdev = options_get(opts, "fsdev", NULL);
    const char *tag = options_get(opts, "mount_tag", NULL);
    ShareFolder *folder;
    uint64_t features;
    Virtio9p *p9;

    if (!virtio_parse_features(opts, &features, error)) {
        return NULL;
    }
    if (!fsdev || !tag || !*tag || strlen(tag) > MAX_TAG) {
        error_set(error,
                  "virtio-9p: it needs fsdev=ID of an -fsdev and mount_tag=TAG, of at most %d "
                  "bytes",
                  MAX_TAG);
        return NULL;
    }
    folder = share_folder_new(machine, fsdev, error);
    if (!folder) {
        return NULL;
    }
    p9 = virtio_new(machine, &p9_ops, sizeof(*p9), id);
    p9->virtio.host_features = features | VIRTIO_BIT(F_MOUNT_TAG);
    p9->folder = folder;
    p9->session = p9_session_new(folder);
    g_strlcpy(p9->tag, tag, sizeof(p9->tag));
    virtio_add_queue(&p9->virtio, QUEUE_SIZE, handle_queue);
    return &p9->virtio;
}
