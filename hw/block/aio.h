/*
 * Asynchronous work for disks: transfers through io_uring, and whatever blocks on threads.
 *
 * Everything here is called with the machine lock held, except AioTask.run(). What is finished is completed by the
 * main loop, by aio_submit(), or by aio_wait(), whichever comes first, with the machine lock held.
 */
#ifndef AMPHI_BLOCK_AIO_H
#define AMPHI_BLOCK_AIO_H

#include "softmmu/machine.h"
#include <sys/uio.h>

typedef struct Aio Aio;
typedef struct AioTask AioTask;

/* Embedded in what is to be done. */
struct AioTask {
    AioTask *next;
    /* On a thread, without locks: does it, sets @result. Only for aio_run(). */
    void (*run)(AioTask *task);
    /* It is done; @result: 0 or bytes transferred, or a negative errno value. */
    void (*done)(AioTask *task);
    int result;
};

/* @batch_done(@opaque) is called after some tasks were completed together. */
Aio *aio_new(Machine *machine, void (*batch_done)(void *opaque), void *opaque);
/* Waits for the threads to end; nothing is in flight. */
void aio_free(Aio *aio);

/* Whether there is io_uring here. */
bool aio_has_ring(const Aio *aio);

/* Has a thread run the task. */
void aio_run(Aio *aio, AioTask *task);

/* Transfers by io_uring; false if it has no room, and the task is to go another way. @iov stays valid until
 * it is done. @stable: what is written is on stable storage when it is done. */
bool aio_transfer(Aio *aio, AioTask *task, int fd, uint64_t offset, const struct iovec *iov, int n,
                  bool write, bool stable);
/* The same at once, for files that are in the host's memory: io_uring gives these to threads of its own. False: it is too long. */
bool aio_transfer_now(Aio *aio, AioTask *task, int fd, uint64_t offset, const struct iovec *iov,
                      int n, bool write);
bool aio_sync(Aio *aio, AioTask *task, int fd);

/* Hands what was asked for to the kernel, unless in a batch, and completes what is finished at once. A batch
 * may not be within another one. */
void aio_begin_batch(Aio *aio);
void aio_end_batch(Aio *aio);
void aio_submit(Aio *aio);

/* Waits until something is finished, and completes it. Something is in flight. */
void aio_wait(Aio *aio);

#endif
