# The bed: KVM where there is none. QEMU translates a machine whose processor has SVM, Debian's full kernel runs there
# with kvm-amd, and in it what is to be tested. Sourced by bash scripts, which set tmp (a directory of their own).
#
# The bed has no disk: all that it needs is in its initramfs, in /bed, and what it has to say comes over the serial
# console (bed_run). Its second serial port is the socket $tmp/serial1.

bed_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bed_top=$(cd "$bed_here/../../.." && pwd)
bed_guest=${AMPHI_GUEST_DIR:-$bed_top/build/guest}
[ -z "${AMPHI_GUEST:-}" ] || bed_guest=$(dirname "$AMPHI_GUEST")
bed_guest=$(realpath -m "$bed_guest")/amd64
bed_root=$tmp/bed-root

# Why there can be no bed for $1, an amphi; nothing if there can. Fetches what is missing.
bed_missing()
{
    command -v qemu-system-x86_64 > /dev/null || { echo "no qemu-system-x86_64; install qemu-system-x86"; return; }
    if ldd "$1" | grep -q 'asan\|tsan'; then
        echo "a build with sanitizers is too large for the bed"
        return
    fi
    AMPHI_GUEST_DIR=$(dirname "$bed_guest") "$bed_top/tests/boot/get-amd64" > "$tmp/get-amd64.log" 2>&1 ||
        echo "no Debian packages: $(tail -n 1 "$tmp/get-amd64.log")"
}

# Begin the bed's file tree.
bed_begin()
{
    mkdir -p "$bed_root"/{bin,usr/bin,dev,proc,sys,tmp,bed}
    cp "$bed_guest/busybox" "$bed_root/bin/"
    cp "$bed_here/init" "$bed_root/init"
    chmod 755 "$bed_root/init" "$bed_root/bin/busybox"
    cp "$bed_guest"/kvm-modules/*.ko "$bed_root/bed/"
}

# bed_add_program FILE: into /usr/bin, with the libraries that it needs.
bed_add_program()
{
    local lib
    strip -o "$bed_root/usr/bin/$(basename "$1")" "$1"
    ldd "$1" | grep -oE '/[^ ]+' | while read -r lib; do
        bed_add_file "$lib"
    done
}

# bed_add_file FILE...: at the same place.
bed_add_file()
{
    local file
    for file; do
        mkdir -p "$bed_root$(dirname "$file")"
        cp -L "$file" "$bed_root$file"
    done
}

# Start the bed and wait for its end, $1 seconds at most; $2: processors and how they are emulated. On a busy host its
# kernel would find its timer broken (no_timer_check). The console goes to
# $tmp/console. In the foreground: what ends this script ends the bed.
bed_run()
{
    local limit=$1 cpus=${2:-"-smp 2 -accel tcg,thread=multi"}
    (cd "$bed_root" && find . | cpio --quiet -o -H newc -R 0:0) > "$tmp/bed.cpio"
    timeout --foreground "$limit" qemu-system-x86_64 -M q35 $cpus -cpu max,+svm -m 3584 -nodefaults -display none \
        -serial "file:$tmp/console" -serial "unix:$tmp/serial1,server=on,wait=off" -no-reboot \
        -kernel "$bed_guest/vmlinux" -initrd "$tmp/bed.cpio" \
        -append "console=ttyS0 quiet mitigations=off no_timer_check panic=-1" < /dev/null > "$tmp/bed-qemu.log" 2>&1
}
