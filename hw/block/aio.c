/*
 * Asynchronous work for disks. See aio.h.
 *
 * One io_uring serves all disks of a machine. It is used under the machine lock only: whoever submits, often a vCPU in
 * the access that told a device of new requests, also takes what is finished by then, which with data in the
 * host's page cache is everything. What takes longer raises an eventfd that the main loop watches; the threads use
 * the same one. While somebody who holds the lock looks at the ring anyway, the kernel is told not to raise it.
 */
#include "hw/block/aio.h"
#include "hw/block/file.h"
#include "softmmu/base/bits.h"
#include <errno.h>
#include <glib-unix.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RING_SIZE 256
#define MAX_THREADS 16
#define INLINE_MAX (256 * KIB) /* longer transfers are not done on the thread that asks for them */
#define IDLE_SECONDS 10        /* after which a thread without work ends */

struct Aio {
    Machine *machine;
    void (*batch_done)(void *opaque);
    void *opaque;
    struct io_uring ring;
    bool has_ring, in_batch, completing;
    unsigned queued; /* prepared, not submitted */
    unsigned ring_inflight;
    int event_fd;
    GSource *source;
    GMutex lock; /* guards the rest; a leaf */
    GCond cond;  /* there is work, or the threads shall end; or one ended */
    AioTask *work_head, **work_tail;
    AioTask *done_head, **done_tail;
    unsigned threads, idle, waiting; /* of them without work; tasks that wait for one */
    bool ending;
};

/* ---- Threads ---- */

static AioTask *take_work(Aio *aio)
{
    gint64 until = g_get_monotonic_time() + IDLE_SECONDS * G_TIME_SPAN_SECOND;
    AioTask *task;

    aio->idle++;
    while (!aio->work_head && !aio->ending) {
        if (!g_cond_wait_until(&aio->cond, &aio->lock, until)) {
            break;
        }
    }
    aio->idle--;
    task = aio->work_head;
    if (task) {
        aio->work_head = task->next;
        aio->work_tail = aio->work_head ? aio->work_tail : &aio->work_head;
        aio->waiting--;
        task->next = NULL;
    }
    return task;
}

/* Puts @task where complete_threads() finds it. With the lock held. */
static void finished_locked(Aio *aio, AioTask *task)
{
    __atomic_store_n(aio->done_tail, task, __ATOMIC_RELAXED); /* a look at it takes no lock */
    aio->done_tail = &task->next;
}

static gpointer work(gpointer data)
{
    Aio *aio = data;
    AioTask *task;

    g_mutex_lock(&aio->lock);
    while ((task = take_work(aio))) {
        bool first;

        g_mutex_unlock(&aio->lock);
        task->run(task);
        g_mutex_lock(&aio->lock);
        first = !aio->done_head;
        finished_locked(aio, task);
        if (first) {
            eventfd_write(aio->event_fd, 1);
        }
    }
    aio->threads--;
    g_cond_broadcast(&aio->cond);
    g_mutex_unlock(&aio->lock);
    return NULL;
}

void aio_run(Aio *aio, AioTask *task)
{
    task->next = NULL;
    g_mutex_lock(&aio->lock);
    *aio->work_tail = task;
    aio->work_tail = &task->next;
    aio->waiting++;
    if (aio->waiting > aio->idle && aio->threads < MAX_THREADS) {
        GThread *thread = g_thread_try_new("block", work, aio, NULL);

        if (thread) {
            g_thread_unref(thread);
            aio->threads++;
        }
    }
    if (!aio->threads) { /* the host has none to give: then here and now */
        aio->work_head = NULL;
        aio->work_tail = &aio->work_head;
        aio->waiting--;
        task->run(task);
        finished_locked(aio, task);
        eventfd_write(aio->event_fd, 1);
    }
    g_cond_signal(&aio->cond);
    g_mutex_unlock(&aio->lock);
}

/* ---- The ring ---- */

bool aio_has_ring(const Aio *aio)
{
    return aio->has_ring;
}

static struct io_uring_sqe *next_sqe(Aio *aio)
{
    /* The queue of completions is twice as long as that of submissions. */
    if (!aio->has_ring || aio->ring_inflight >= RING_SIZE * 2) {
        return NULL;
    }
    return io_uring_get_sqe(&aio->ring);
}

static void queue_sqe(Aio *aio, struct io_uring_sqe *sqe, AioTask *task)
{
    io_uring_sqe_set_data(sqe, task);
    aio->queued++;
    aio->ring_inflight++;
}

bool aio_transfer(Aio *aio, AioTask *task, int fd, uint64_t offset, const struct iovec *iov, int n,
                  bool write, bool stable)
{
    struct io_uring_sqe *sqe = next_sqe(aio);

    if (!sqe) {
        return false;
    }
    if (write) {
        io_uring_prep_writev(sqe, fd, iov, n, offset);
        sqe->rw_flags = stable ? RWF_DSYNC : 0;
    } else {
        io_uring_prep_readv(sqe, fd, iov, n, offset);
    }
    if (iov_bytes(iov, n) > INLINE_MAX) {
        sqe->flags |= IOSQE_ASYNC;
    }
    queue_sqe(aio, sqe, task);
    return true;
}

bool aio_transfer_now(Aio *aio, AioTask *task, int fd, uint64_t offset, const struct iovec *iov,
                      int n, bool write)
{
    if (iov_bytes(iov, n) > INLINE_MAX) {
        return false;
    }
    ssize_t r = write ? pwritev(fd, iov, n, offset) : preadv(fd, iov, n, offset);
    task->result = r < 0 ? -errno : (int)r;
    task->next = NULL;
    g_mutex_lock(&aio->lock);
    finished_locked(aio, task);
    g_mutex_unlock(&aio->lock);
    return true;
}

bool aio_sync(Aio *aio, AioTask *task, int fd)
{
    struct io_uring_sqe *sqe = next_sqe(aio);

    if (!sqe) {
        return false;
    }
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    queue_sqe(aio, sqe, task);
    return true;
}

/* Completes what is finished; whether anything was. */
static bool complete_ring(Aio *aio)
{
    struct io_uring_cqe *cqe;
    bool any = false;

    while (aio->has_ring && io_uring_peek_cqe(&aio->ring, &cqe) == 0) {
        AioTask *task = io_uring_cqe_get_data(cqe);

        task->result = cqe->res;
        io_uring_cqe_seen(&aio->ring, cqe);
        aio->ring_inflight--;
        task->done(task);
        any = true;
    }
    return any;
}

static bool complete_threads(Aio *aio)
{
    AioTask *task;
    bool any;

    if (!__atomic_load_n(&aio->done_head, __ATOMIC_RELAXED)) {
        return false; /* what comes just now raises the event */
    }
    g_mutex_lock(&aio->lock);
    task = aio->done_head;
    aio->done_head = NULL;
    aio->done_tail = &aio->done_head;
    g_mutex_unlock(&aio->lock);
    any = task != NULL;
    while (task) {
        AioTask *next = task->next;

        task->done(task);
        task = next;
    }
    return any;
}

static bool complete_all(Aio *aio)
{
    bool any = false, ring, threads;

    do {
        ring = complete_ring(aio);
        threads = complete_threads(aio);
        any |= ring || threads;
    } while (ring || threads);
    return any;
}

static void submit_ring(Aio *aio)
{
    while (aio->queued) {
        int n = io_uring_submit(&aio->ring);

        if (n < 0 && n != -EAGAIN && n != -EBUSY && n != -EINTR) {
            g_error("io_uring: %s", g_strerror(-n)); /* the ring itself is broken */
        }
        aio->queued -= n > 0 ? MIN((unsigned)n, aio->queued) : 0;
        if (n <= 0 && !complete_ring(aio)) {
            g_usleep(100); /* the host is short of memory */
        }
    }
}

/* Completions may ask for more, which is handed over too; those they complete are not nested in them. */
static bool settle(Aio *aio)
{
    bool any = false, late;

    if (aio->completing) {
        return false;
    }
    aio->completing = true;
    if (aio->has_ring) {
        io_uring_cq_eventfd_toggle(&aio->ring, false);
    }
    do {
        submit_ring(aio);
        any |= complete_all(aio);
        if (aio->has_ring && !aio->queued) {
            io_uring_cq_eventfd_toggle(&aio->ring, true);
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
        }
        late = complete_all(aio); /* what came before the event was wanted again */
        any |= late;
    } while (aio->queued || late);
    aio->completing = false;
    if (any) {
        aio->batch_done(aio->opaque);
    }
    return any;
}

void aio_begin_batch(Aio *aio)
{
    aio->in_batch = true;
}

void aio_end_batch(Aio *aio)
{
    aio->in_batch = false;
    settle(aio);
}

void aio_submit(Aio *aio)
{
    if (!aio->in_batch) {
        settle(aio);
    }
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer opaque)
{
    Aio *aio = opaque;
    eventfd_t count;

    machine_lock(aio->machine);
    eventfd_read(aio->event_fd, &count);
    settle(aio);
    machine_unlock(aio->machine);
    return G_SOURCE_CONTINUE;
}

void aio_wait(Aio *aio)
{
    struct pollfd fd = {.fd = aio->event_fd, .events = POLLIN};
    bool nested = aio->completing;
    eventfd_t count;

    aio->completing = false; /* a completion that waits for others */
    while (!settle(aio)) {
        poll(&fd, 1, 1000);
        eventfd_read(aio->event_fd, &count);
    }
    aio->completing = nested;
}

/* ---- Making ---- */

static void set_up_ring(Aio *aio)
{
    if (io_uring_queue_init(RING_SIZE, &aio->ring, 0) != 0) {
        return;
    }
    if (io_uring_register_eventfd(&aio->ring, aio->event_fd) != 0) {
        io_uring_queue_exit(&aio->ring);
        return;
    }
    aio->has_ring = true;
}

Aio *aio_new(Machine *machine, void (*batch_done)(void *opaque), void *opaque)
{
    Aio *aio = g_new0(Aio, 1);

    aio->machine = machine;
    aio->batch_done = batch_done;
    aio->opaque = opaque;
    aio->work_tail = &aio->work_head;
    aio->done_tail = &aio->done_head;
    g_mutex_init(&aio->lock);
    g_cond_init(&aio->cond);
    aio->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    set_up_ring(aio);
    aio->source = g_unix_fd_source_new(aio->event_fd, G_IO_IN);
    g_source_set_callback(aio->source, G_SOURCE_FUNC(on_event), aio, NULL);
    g_source_attach(aio->source, machine->context);
    return aio;
}

void aio_free(Aio *aio)
{
    g_mutex_lock(&aio->lock);
    aio->ending = true; /* when all tasks are done */
    g_cond_broadcast(&aio->cond);
    while (aio->threads) {
        g_cond_wait(&aio->cond, &aio->lock);
    }
    g_mutex_unlock(&aio->lock);
    g_source_destroy(aio->source);
    g_source_unref(aio->source);
    if (aio->has_ring) {
        io_uring_queue_exit(&aio->ring);
    }
    close(aio->event_fd);
    g_mutex_clear(&aio->lock);
    g_cond_clear(&aio->cond);
    g_free(aio);
}
