/*
 * The machine lock with owner tracking.
 *
 * The lock itself is a plain GMutex; which one a thread holds, and how often it took it, is kept in
 * thread-local storage, so that code reached both from the main loop and from a vCPU's access (device
 * callbacks that read guest memory, say) can ask instead of passing the knowledge along. A thread holds
 * the lock of at most one machine.
 */
#ifndef AMPHI_LOCK_H
#define AMPHI_LOCK_H

#include <glib.h>
#include <stdbool.h>

/* Takes @lock, or notes one more use if this thread has it. NULL is no lock. */
void lock_acquire(GMutex *lock);
void lock_release(GMutex *lock);

/* The same as lock_acquire(), but false if another thread holds it. */
bool lock_try(GMutex *lock);

/* Whether this thread holds @lock; with NULL, whether it holds any. */
bool lock_held(const GMutex *lock);

/* Gives up @lock entirely, however often this thread took it, for a wait; returns what lock_restore()
 * needs to take it again (0: it was not held). */
unsigned lock_suspend(GMutex *lock);
void lock_restore(GMutex *lock, unsigned depth);

/* A GPollFunc that gives up the thread's lock, whichever it is, while it waits. */
gint lock_poll(GPollFD *fds, guint nfds, gint timeout_ms);

#endif
