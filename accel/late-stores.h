/*
 * Stores that come too late to be noticed: see late-stores.c.
 */
#ifndef AMPHI_ACCEL_LATE_STORES_H
#define AMPHI_ACCEL_LATE_STORES_H

#include "accel/regions.h"

/* TlbCodeHooks.contested. With the translation lock. */
void late_stores_expect(void *accel, const Vcpu *by, uint64_t ram_page, const uint8_t *host);

/* Drops regions made of bytes that have been written since. For vcpu_sync_code(). */
void late_stores_check(Vcpu *vcpu);

void late_stores_free(Accel *accel);

#endif
