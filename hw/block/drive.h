/*
 * -drive: from its options to block back ends, and to the devices that if=virtio asks for.
 *
 * A drive is opened when first asked for, or by hw_create_drives() at the latest.
 */
#ifndef AMPHI_DRIVE_H
#define AMPHI_DRIVE_H

#include "hw/block/blockdev.h"

/* The drive with id= @id; NULL with @error, naming the nearest known one, if there is none or it
 * cannot be opened. */
BlockDev *drive_by_id(Machine *machine, const char *id, GError **error);

/* The drive with if= @interface and unit= (or index=) @unit: for boards that have such interfaces
 * ("pflash"). NULL without @error if the user gave none. */
BlockDev *drive_by_unit(Machine *machine, const char *interface, unsigned unit, GError **error);

/* The serial= of the drive @id, or NULL. */
const char *drive_serial(Machine *machine, const char *id);

/* Whether the drive @id is a CD-ROM (media=cdrom). */
bool drive_is_cdrom(Machine *machine, const char *id);

/* Opens all drives and makes a device for each with if=virtio, and for those without if= that no
 * -device names. Fails for interfaces that the machine does not have. After the -device ones. */
bool hw_create_drives(Machine *machine, GError **error);

#endif
