/*
 * Stores that come too late to be noticed.
 *
 * A page becomes one with code: its mark is set, TLB entries that write to it are revoked, its bytes are read and
 * translated. Another vCPU may have looked at its entry just before that and store just after: translated code
 * does not look again. Nobody is told of that store, and the region would keep the old bytes for ever.
 *
 * The architecture helps: who wants the new bytes executes a fence of instruction fetches (FENCE.I) after the store
 * has become visible to it. So a copy of such a page is kept, and compared at each fence until every other vCPU
 * has been outside translated code since the mark. What differs is dropped. There are few such pages at a time, as
 * the other vCPUs are kicked when one is marked.
 */
#include "accel/late-stores.h"
#include <string.h>

struct LatePage {
    LatePage *next;
    uint64_t epoch; /* when all have passed it there are no more such stores */
    const uint8_t *host;
    uint32_t ram_page;
    uint8_t bytes[TLB_PAGE_SIZE]; /* what regions may be made of */
};

static void remove_page(LatePage **at)
{
    LatePage *page = *at;

    __atomic_store_n(at, page->next, __ATOMIC_RELAXED);
    g_free(page);
}

/* Those that nobody can store to any more and that have not changed. Nothing is dropped here, as a translation is
 * in progress. */
static void remove_settled(Accel *accel, const Vcpu *by)
{
    uint64_t passed = regions_oldest_epoch(accel, by);

    for (LatePage **at = &accel->late; *at;) {
        if ((*at)->epoch <= passed && !memcmp((*at)->bytes, (*at)->host, TLB_PAGE_SIZE)) {
            remove_page(at);
        } else {
            at = &(*at)->next;
        }
    }
}

static LatePage *find(Accel *accel, uint64_t ram_page)
{
    LatePage *page = accel->late;

    while (page && page->ram_page != ram_page) {
        page = page->next;
    }
    return page;
}

void late_stores_expect(void *opaque, const Vcpu *by, uint64_t ram_page, const uint8_t *host)
{
    Accel *accel = opaque;

    remove_settled(accel, by);
    LatePage *page = find(accel, ram_page);
    if (!page) {
        page = g_new(LatePage, 1);
        page->ram_page = ram_page;
        page->host = host;
        page->next = accel->late;
        __atomic_store_n(&accel->late, page, __ATOMIC_RELAXED);
    }
    /* No region is made of the page: the copy may be a new one. Entries were revoked before. */
    page->epoch = __atomic_add_fetch(&accel->epoch, 1, __ATOMIC_SEQ_CST);
    memcpy(page->bytes, host, TLB_PAGE_SIZE);
}

/* Drops regions made of bytes that have changed, of which @page then knows. */
static void compare(Accel *accel, LatePage *page)
{
    uint8_t now[TLB_PAGE_SIZE];
    unsigned first = 0, last = TLB_PAGE_SIZE - 1;

    memcpy(now, page->host, TLB_PAGE_SIZE);
    if (!memcmp(page->bytes, now, TLB_PAGE_SIZE)) {
        return;
    }
    while (page->bytes[first] == now[first]) {
        first++;
    }
    while (page->bytes[last] == now[last]) {
        last--;
    }
    regions_drop_written(accel, page->ram_page, first, last);
    memcpy(page->bytes, now, TLB_PAGE_SIZE);
}

void late_stores_check(Vcpu *vcpu)
{
    Accel *accel = accel_vcpu(vcpu)->accel;

    if (likely(!__atomic_load_n(&accel->late, __ATOMIC_RELAXED))) {
        return;
    }
    regions_lock(vcpu);
    uint64_t passed = regions_oldest_epoch(accel, vcpu); /* before the bytes are read */
    for (LatePage **at = &accel->late; *at;) {
        compare(accel, *at);
        if ((*at)->epoch <= passed) {
            remove_page(at);
        } else {
            at = &(*at)->next;
        }
    }
    regions_unlock(vcpu);
}

void late_stores_free(Accel *accel)
{
    while (accel->late) {
        remove_page(&accel->late);
    }
}
