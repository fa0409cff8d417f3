/*
 * The machine lock with owner tracking: see lock.h.
 */
#include "softmmu/lock.h"

/* Which lock this thread holds, and how often it took it. */
static __thread GMutex *held_lock;
static __thread unsigned held_depth;

void lock_acquire(GMutex *lock)
{
    if (!lock) {
        return;
    }
    if (held_lock == lock) {
        held_depth++;
        return;
    }
    g_mutex_lock(lock);
    held_lock = lock;
    held_depth = 1;
}

bool lock_try(GMutex *lock)
{
    if (lock && held_lock != lock) {
        if (!g_mutex_trylock(lock)) {
            return false;
        }
        held_lock = lock;
        held_depth = 0;
    }
    held_depth += lock != NULL;
    return true;
}

void lock_release(GMutex *lock)
{
    if (!lock) {
        return;
    }
    g_assert(held_lock == lock);
    if (--held_depth == 0) {
        held_lock = NULL;
        g_mutex_unlock(lock);
    }
}

bool lock_held(const GMutex *lock)
{
    return held_lock != NULL && (lock == NULL || held_lock == lock);
}

unsigned lock_suspend(GMutex *lock)
{
    if (!lock || held_lock != lock) {
        return 0;
    }
    unsigned depth = held_depth;
    held_lock = NULL;
    held_depth = 0;
    g_mutex_unlock(lock);
    return depth;
}

void lock_restore(GMutex *lock, unsigned depth)
{
    if (depth) {
        g_mutex_lock(lock);
        held_lock = lock;
        held_depth = depth;
    }
}

gint lock_poll(GPollFD *fds, guint nfds, gint timeout_ms)
{
    GMutex *lock = held_lock;
    unsigned depth = lock_suspend(lock);
    gint ready = g_poll(fds, nfds, timeout_ms);
    lock_restore(lock, depth);
    return ready;
}
