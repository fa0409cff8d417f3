/*
 * For builds with ThreadSanitizer: shows it GLib's locks.
 *
 * The system's GLib is not instrumented and makes its locks from system calls, so that the sanitizer sees
 * no order between threads that use them, and reports everything they guard. These functions stand in
 * front of GLib's, call them, and tell. In other builds this file is empty.
 */
#ifdef __SANITIZE_THREAD__
#define AMPHI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AMPHI_TSAN 1
#endif
#endif

typedef int AmphiTsanNotEmpty; /* ISO C wants something in a file */

#ifdef AMPHI_TSAN

#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* GLib's function of the same name. */
#define NEXT(fn)                                                  \
    static typeof(fn) *found;                                     \
    typeof(fn) *next = __atomic_load_n(&found, __ATOMIC_RELAXED); \
    if (!next) {                                                  \
        next = (typeof(fn) *)dlsym(RTLD_NEXT, #fn);               \
        __atomic_store_n(&found, next, __ATOMIC_RELAXED);         \
    }

void(g_mutex_lock)(GMutex *mutex)
{
    NEXT(g_mutex_lock);
    next(mutex);
    __tsan_acquire(mutex);
}

gboolean(g_mutex_trylock)(GMutex *mutex)
{
    NEXT(g_mutex_trylock);
    gboolean taken = next(mutex);
    if (taken) {
        __tsan_acquire(mutex);
    }
    return taken;
}

void(g_mutex_unlock)(GMutex *mutex)
{
    NEXT(g_mutex_unlock);
    __tsan_release(mutex);
    next(mutex);
}

void(g_cond_wait)(GCond *cond, GMutex *mutex)
{
    NEXT(g_cond_wait);
    __tsan_release(mutex);
    next(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean(g_cond_wait_until)(GCond *cond, GMutex *mutex, gint64 end_time)
{
    NEXT(g_cond_wait_until);
    __tsan_release(mutex);
    gboolean signalled = next(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return signalled;
}

#endif
