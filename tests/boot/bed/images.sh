# Disk images for the bed, made without privileges by GRUB's tools, mtools and xorriso. Sourced by bash scripts that set
# tmp; each function says on standard error what is missing and fails then.

grub_dir=/usr/lib/grub

# Why none can be made; nothing if they can.
images_missing()
{
    local tool
    for tool in grub-mkimage grub-mkrescue mformat xorriso; do
        command -v $tool > /dev/null || { echo "no $tool"; return; }
    done
    for tool in i386-pc x86_64-efi; do
        [ -e $grub_dir/$tool/normal.mod ] || { echo "no GRUB for $tool"; return; }
    done
}

# make_grub_disk IMAGE KERNEL INITRAMFS [WORDS]: a disk from which BIOS and UEFI start that kernel, with a FAT partition.
# WORDS go to the kernel's command line; under UEFI, amphi.efi, too.
make_grub_disk()
{
    local image=$1 words=${4:-} start=2048 sectors=$((96 * 2048)) modules="part_msdos fat normal linux echo serial terminal boot"
    grub-mkimage -O i386-pc -o "$tmp/core.img" -p '(hd0,msdos1)/boot/grub' biosdisk $modules &&
        grub-mkimage -O x86_64-efi -o "$tmp/bootx64.efi" -p /boot/grub $modules || return
    cat > "$tmp/grub.cfg" << CONFIG
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
echo "grub: \$grub_platform"
if [ "\$grub_platform" = efi ]; then words=amphi.efi; fi
linux /vmlinuz console=ttyS0 panic=-1 quiet \$words $words
initrd /initrd.gz
boot
CONFIG
    # GRUB's boot sector loads what follows it; the table of partitions has one, active, for UEFI (type 0xef).
    rm -f "$image"
    truncate -s $(((start + sectors) * 512)) "$image"
    dd if=$grub_dir/i386-pc/boot.img of="$image" bs=440 count=1 conv=notrunc status=none
    dd if="$tmp/core.img" of="$image" seek=1 conv=notrunc status=none
    printf '\200\0\0\0\357\0\0\0\0\010\0\0\0\0\003\0' |
        dd of="$image" bs=1 seek=446 conv=notrunc status=none
    printf '\125\252' | dd of="$image" bs=1 seek=510 conv=notrunc status=none
    local at=$image@@1M
    mformat -i "$at" -T $sectors -h 16 -s 63 -H $start :: &&
        mmd -i "$at" ::/boot ::/boot/grub ::/EFI ::/EFI/BOOT &&
        mcopy -i "$at" "$tmp/grub.cfg" ::/boot/grub/grub.cfg &&
        mcopy -i "$at" "$tmp/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI &&
        mcopy -i "$at" "$2" ::/vmlinuz && mcopy -i "$at" "$3" ::/initrd.gz
}

# make_iso IMAGE [FILE...]: GRUB's rescue CD-ROM with these files; a file grub.cfg becomes its configuration.
make_iso()
{
    local image=$1 tree=$tmp/iso
    shift
    rm -rf "$tree"
    mkdir -p "$tree/boot/grub"
    [ $# -eq 0 ] || cp "$@" "$tree/"
    [ ! -e "$tree/grub.cfg" ] || mv "$tree/grub.cfg" "$tree/boot/grub/"
    grub-mkrescue -d $grub_dir/i386-pc -o "$image" "$tree" > "$tmp/iso.log" 2>&1 || { tail -n 3 "$tmp/iso.log" >&2; return 1; }
}
